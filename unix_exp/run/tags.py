"""Words that people give to runs, in a file of the run's folder that nothing else reads. Imports no PyTorch."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from unix_exp.run.foreign import json_of
from unix_exp.types import Mistake

NAME = "tags.json"
TAG = re.compile(r"\w[\w.+-]{0,39}")
MOST = 2**16  # bytes of a file of tags


def tags_of(path: Path) -> list[str]:
    """None where the file is missing or is no list of tags."""
    try:
        found = json_of(path / NAME, MOST)
    except (OSError, ValueError):
        return []
    return [one for one in found if isinstance(one, str) and TAG.fullmatch(one)] if isinstance(found, list) else []


def check_tags(tags: Iterable[str]) -> None:
    for tag in tags:
        if not TAG.fullmatch(tag):
            raise Mistake(f"'{tag}' is no tag; write up to 40 letters, digits and . + - _, such as paper or lr-0.1")


def write_tags(path: Path, tags: Iterable[str]) -> list[str]:
    """Each once, in order; the file goes with the last one."""
    left = sorted(set(tags))
    file = path / NAME
    part = path / f".{NAME}.{os.getpid()}.part"  # that a process left is removed by the next start of the run
    try:
        if left:
            part.write_text(json.dumps(left) + "\n")
            part.replace(file)
        else:
            file.unlink(missing_ok=True)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Mistake(f"cannot write to {file}: {error.strerror or error}") from None
    return left
