"""Content hashes inside files: a changed bit is noticed when the file is read."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

CHECK = "check"  # the key of a JSON object's own hash
SEAL = re.compile(rb"sha256:[0-9a-f]{64}")
LENGTH = 7 + 64


def seal(path: Path) -> None:
    """Append the hash of a zip file as its comment, so that it stays a zip file that anything can read."""
    with path.open("r+b") as file:
        file.seek(-2, os.SEEK_END)  # the length of the comment ends a zip file without one
        file.write(LENGTH.to_bytes(2, "little"))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else digest_of(file)
        file.seek(0, os.SEEK_END)
        file.write(f"sha256:{digest}".encode())


def sealed(content: bytes) -> bytes:
    """The same for a zip file in memory."""
    whole = content[:-2] + LENGTH.to_bytes(2, "little")
    return whole + f"sha256:{hashlib.sha256(whole).hexdigest()}".encode()


def digest_of(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def unsealed(path: Path) -> tuple[BytesIO, bool]:
    """A file's content, and whether it carries its hash; ValueError where the hash is of other content."""
    return unsealed_content(path.read_bytes())


def unsealed_content(content: bytes) -> tuple[BytesIO, bool]:
    found = content[-LENGTH:]
    if not SEAL.fullmatch(found):
        return BytesIO(content), False
    if hashlib.sha256(memoryview(content)[:-LENGTH]).hexdigest() != found[7:].decode():
        raise ValueError("its content is not what was written")
    return BytesIO(content), True


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with its own hash."""
    return {**values, CHECK: hash_of_values(json.loads(json.dumps(values)))}  # as a reader will have it


def hash_of_values(values: Mapping[str, Any]) -> str:
    """Of an object as it is read from JSON."""
    rest = {key: one for key, one in values.items() if key != CHECK}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def verify(values: Mapping[str, Any]) -> None:
    """ValueError where the hash of an object that was read is of other values; older files have none."""
    if CHECK in values and values[CHECK] != hash_of_values(values):
        raise ValueError("its content is not what was written")
