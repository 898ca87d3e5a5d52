"""JSON from files that anyone may have written."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

LIMIT = 256 * 2**20  # bytes; a run's records are far below


def text_of(path: Path, limit: int = LIMIT) -> str:
    """The text of a regular file; reading a pipe or a device may never end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path.name} is no regular file")
    if found.st_size > limit:
        raise OSError(f"{path.name} has {found.st_size} bytes, more than {limit}")
    return path.read_text(errors="replace")


def json_of(path: Path, limit: int = LIMIT) -> Any:
    return parsed(text_of(path, limit))


def parsed(text: str) -> Any:
    """ValueError for whatever is no JSON of a reasonable depth."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
