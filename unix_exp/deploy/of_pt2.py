"""A file of torch.export that says how to use it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export.passes import move_to_device_pass

from unix_exp.deploy.answering import Answering
from unix_exp.deploy.of_onnx import description_in
from unix_exp.deploy.quietly import quiet
from unix_exp.engine.runtime import Runtime
from unix_exp.run.description import KEY
from unix_exp.run.seal import unsealed_content
from unix_exp.types import Mistake
from unix_exp.words import first_line

TENSORS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def opened(file: Path, content: bytes, threads: int | None, device: str) -> Answering:
    program, found = program_of(file, content)
    description = description_in(file, found)
    place = Runtime(device=device).place()
    network = (program if place.type == "cpu" else move_to_device_pass(program, place)).module()
    (image,) = [one for one in program.graph_signature.user_inputs if isinstance(one, str)]
    pixels = next(node for node in program.graph.nodes if node.name == image).meta["val"].dtype == torch.uint8

    @torch.inference_mode()
    def answer(images: Tensor) -> Tensor:
        logits: Tensor = network(images.to(place))
        return logits.float().cpu()

    return Answering(description, answer, pixels)


def program_of(file: Path, content: bytes) -> tuple[Any, dict[str, str]]:
    extra: dict[str, Any] = {KEY: None}  # what it is asked for
    try:
        whole, sealed = unsealed_content(content)
        if not sealed:
            raise ValueError("it does not end with its hash, so it is not whole or of another program")
        with executing_no_pickle(), quiet():
            program = torch.export.load(whole, extra_files=extra)
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
