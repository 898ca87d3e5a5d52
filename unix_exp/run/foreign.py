"""JSON and YAML from files that anyone may have written."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import yaml

from unix_exp.words import closest

LIMIT = 256 * 2**20  # bytes; a run's records are far below
YAML_LIMIT = 2**20  # bytes; YAML is read slowly, and settings are short
TAIL = 2**16  # bytes at the end of a file, which hold the last record of many


def text_of(path: Path, limit: int = LIMIT) -> str:
    return bytes_of(path, limit).decode(errors="replace")


def bytes_of(path: Path, limit: int = LIMIT) -> bytes:
    """The content of a regular file."""
    if (size := size_of(path)) > limit:
        raise OSError(f"{path.name} has {size} bytes, more than {limit}")
    return path.read_bytes()


def last_lines(path: Path, limit: int = TAIL) -> list[str]:
    """Those in the last bytes of a regular file, however large it is; the first of them may lack its beginning."""
    size = size_of(path)
    with path.open("rb") as file:
        file.seek(max(0, size - limit))
        return file.read(limit).decode(errors="replace").splitlines()


def size_of(path: Path) -> int:
    """In bytes; reading a pipe or a device may never end, so what is no regular file is an error."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path.name} is no regular file")
    return found.st_size


def json_of(path: Path, limit: int = LIMIT) -> Any:
    return parsed(text_of(path, limit))


def parsed(text: str) -> Any:
    """ValueError for whatever is no JSON of a reasonable depth."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def yaml_of(path: Path) -> Any:
    """Plain values; an OSError or ValueError for whatever is none, or names a part to repeat it."""
    text = text_of(path, YAML_LIMIT)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is built in
    try:
        # A file of a hundred characters can mean more parts, each the former one twice, than a machine can hold.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)):
            raise ValueError("it refers to parts of itself")
        return yaml.load(text, Loader=loader)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


def beside(path: Path) -> str:
    """A hint at what lies beside a path that does not exist and has nearly its name; nothing where there is none."""
    try:
        near = closest(path.name, (one.name for one in path.expanduser().absolute().parent.iterdir()), 0.8)
    except OSError:
        return ""
    return "" if near is None else f"; did you mean {path.parent / near}?"
