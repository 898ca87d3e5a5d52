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


def text_of(path: Path, limit: int = LIMIT) -> str:
    return bytes_of(path, limit).decode(errors="replace")


def bytes_of(path: Path, limit: int = LIMIT) -> bytes:
    """The content of a regular file; reading a pipe or a device may never end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path.name} is no regular file")
    if found.st_size > limit:
        raise OSError(f"{path.name} has {found.st_size} bytes, more than {limit}")
    return path.read_bytes()


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
