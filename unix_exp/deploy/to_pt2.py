"""A followed network as a file of torch.export that says how to use it and carries its own hash."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import torch

from unix_exp.deploy.quietly import quiet
from unix_exp.run.seal import sealed


def content_of(program: Any, metadata: Mapping[str, str]) -> bytes:
    """Made in memory: on a full disk PyTorch would end the process."""
    file = BytesIO()
    with quiet():
        torch.export.save(program, file, extra_files=dict(metadata))
    return sealed(file.getvalue())
