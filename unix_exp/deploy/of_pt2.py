"""A file of torch.export that says how to use it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unix_exp.deploy.answering import Answering
from unix_exp.deploy.of_onnx import description_in
from unix_exp.engine.runtime import Runtime
from unix_exp.run.seal import unsealed
from unix_exp.types import Mistake
from unix_exp.words import first_line

TENSORS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def opened(file: Path, threads: int | None, device: str = "cpu") -> Answering:
    program, found = program_of(file)
    description = description_in(file, found)
    place = Runtime(device=device).place()
    network = program.module().to(place)
    (image,) = [one for one in program.graph_signature.user_inputs if isinstance(one, str)]
    pixels = next(node for node in program.graph.nodes if node.name == image).meta["val"].dtype == torch.uint8

    @torch.inference_mode()
    def answer(images: Tensor) -> Tensor:
        logits: Tensor = network(images.to(place))
        return logits.float().cpu()

    return Answering(description, answer, pixels)


def program_of(file: Path) -> tuple[Any, dict[str, str]]:
    extra: dict[str, Any] = {}
    try:
        content, _ = unsealed(file)
        with executing_no_pickle():
            program = torch.export.load(content, extra_files=extra)
    except Exception as error:  # a file that is none can fail in any way
        raise Mistake(f"{file} cannot be opened by torch.export ({first_line(error)[:200]}); export it again") from None
    return program, {key: value for key, value in extra.items() if isinstance(value, str)}


@contextmanager
def executing_no_pickle() -> Iterator[None]:
    """PyTorch reads some parts of these files as pickles, unless this is set."""
    before = os.environ.get(TENSORS_ONLY)
    os.environ[TENSORS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[TENSORS_ONLY]
        else:
            os.environ[TENSORS_ONLY] = before
