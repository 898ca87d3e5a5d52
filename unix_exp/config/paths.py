"""Paths that settings name."""

from __future__ import annotations

from pathlib import Path

from unix_exp.types import Mistake


def at_home(path: str) -> Path:
    """A path with ~ filled in, short enough for a file system to look it up."""
    try:
        found = Path(path).expanduser()
        found.exists()
    except RuntimeError:  # of a user who does not exist
        raise Mistake(f"{path} is in no home folder of this machine; give another path") from None
    except OSError as error:
        raise Mistake(f"{path[:200]} cannot be looked up: {error.strerror}; give another path") from None
    return found
