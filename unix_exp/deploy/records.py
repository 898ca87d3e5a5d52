"""RUN/exports.json: what was exported, how it was checked, and the hash by which a changed file is noticed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from unix_exp.run.checkpoint import write_whole
from unix_exp.run.foreign import json_of
from unix_exp.run.seal import checked, verify
from unix_exp.types import Mistake

NAME = "exports.json"


def exports_of(folder: Path) -> dict[str, dict[str, Any]]:
    """By the file's name; empty where nothing was exported."""
    path = folder / NAME
    try:
        found = json_of(path)
        verify(found)
        files = found["files"]
        if not all(isinstance(one["hash"], str) for one in files.values()):
            raise ValueError("a file has no hash")
        return dict(files)
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        raise Mistake(f"{folder} is a file; choose another folder") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Mistake(f"{path} is damaged ({type(error).__name__} {error}); delete it and export again") from None


def record(folder: Path, name: str, values: dict[str, Any] | None) -> None:
    """Add an export, or with None take it out."""
    files = {**exports_of(folder)}
    files.pop(name, None)
    if values is not None:
        files[name] = values
    text = json.dumps(checked({"files": files}), indent=2) + "\n"
    write_whole(folder / NAME, lambda part: part.write_text(text))


def check_recorded(file: Path, content: bytes) -> None:
    """Refuse a file whose folder says that it was another when it was checked."""
    known = exports_of(file.parent).get(file.name)
    if known is not None and known["hash"] != hash_of(content):
        raise Mistake(f"{file} is not what was exported and checked: its content has changed; export it again")


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
