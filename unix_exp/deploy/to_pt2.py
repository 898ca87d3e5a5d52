"""A followed network as a file of torch.export that says how to use it and carries its own hash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from unix_exp.deploy.quietly import quiet
from unix_exp.run.seal import seal


def content_of(program: Any, metadata: Mapping[str, str]) -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "student.pt2"
        with quiet():
            torch.export.save(program, file, extra_files=dict(metadata))
        seal(file)
        return file.read_bytes()
