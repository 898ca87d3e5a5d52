"""The command of a run: whether it may be shown to be copied, and the line that repeats it. Imports no PyTorch."""

from __future__ import annotations

import re
import shlex
from functools import lru_cache

SETTING = re.compile(r"(\+\+?|~)?\w[\w.@/-]*")
FOLDER = "runs="


def repeating(command: str | None) -> str | None:
    """The line that repeats a finished run, in another folder: in its own the run would only be reported."""
    if (words := words_of(command)) is None:
        return None
    return shlex.join([*(word for word in words if not word.startswith(FOLDER)), f"{FOLDER}DIR"])


def words_of(command: str | None) -> list[str] | None:
    """Of a training command, and None for any other text: readers copy these lines into a shell."""
    words = split(command or "")
    ours = words[:3] == ["python", "-m", "unix_exp.train"] and all(word.isprintable() for word in words)
    return words if ours and all(map(harmless, words[3:])) else None


@lru_cache(maxsize=2**13)  # the report and the page of a run both ask, and shlex is slow
def split(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def harmless(word: str) -> bool:
    """A setting or a choice of a group; flags and Hydra's own settings can name files elsewhere, and run them."""
    key, equals, _ = word.partition("=")
    named = SETTING.fullmatch(key) is not None and (equals or key.startswith("~"))
    return word == "-m" or bool(named and not key.lstrip("+~").startswith("hydra"))
