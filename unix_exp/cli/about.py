"""What a choice is, in a few words: the comment that its file begins with, or what its component's code says."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

from unix_exp.config import plugins
from unix_exp.registry import Registry
from unix_exp.run.foreign import text_of


def file_of(group: str, name: str, folders: Sequence[Path]) -> Path | None:
    """The file that describes a choice; None where it is made from a constructor."""
    beside = [folder for one in plugins.LOADED.values() for folder in (one.folder / "conf", one.folder)]
    places = (folder / group / f"{name}.yaml" for folder in (*folders, *beside))
    return next((path for path in places if path.is_file()), None)


def comment_of(path: Path) -> str:
    """The comment that a file begins with, as one line."""
    return " ".join(one for one in comments(text_of(path)) if not one.startswith("@package"))


def comments(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        yield line.lstrip("# ")


def body_of(path: Path) -> str:
    """What follows this comment."""
    lines = text_of(path).splitlines()
    return "\n".join(lines[len(list(comments("\n".join(lines)))) :]).strip("\n")


def docstring_of(registry: Registry, name: str) -> str:
    """What a component's own code says of it."""
    constructor = registry[name]
    return inspect.getdoc(getattr(constructor, "func", constructor)) or ""  # of a partial its function's
