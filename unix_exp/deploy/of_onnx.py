"""An ONNX file that says how to use it, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unix_exp.deploy.answering import Answering
from unix_exp.deploy.needed import needed
from unix_exp.run.description import KEY, Description
from unix_exp.run.foreign import parsed
from unix_exp.types import Mistake
from unix_exp.words import first_line

OUTPUT = "logits"
HASH = "unix_exp_hash"  # of the metadata: of the file itself, as it is with UNKNOWN in its place
UNKNOWN = "sha256:" + 64 * "-"
PIXELS = "tensor(uint8)"  # the type of an input that is prepared by the file itself


def opened(file: Path, content: bytes, threads: int | None, device: str) -> Answering:
    session = session_of(file, content, threads)
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    description = description_in(file, metadata)
    if (written := metadata.get(HASH, "")) != own_hash(content.replace(written.encode() or b"-", UNKNOWN.encode(), 1)):
        raise Mistake(f"{file} was changed after it was exported; export it again")
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or [one.name for one in outputs] != [OUTPUT]:
        raise Mistake(
            f"{file} has {len(inputs)} inputs and the outputs {[one.name for one in outputs]}; export it again"
        )
    name = inputs[0].name

    def answer(images: Tensor) -> Tensor:
        (logits,) = session.run([OUTPUT], {name: images.cpu().contiguous().numpy()})
        return torch.from_numpy(logits)

    return Answering(description, answer, inputs[0].type == PIXELS)


def session_of(file: Path, content: bytes, threads: int | None) -> Any:
    runtime = needed("onnxruntime", f"to open {file}")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors: a warning about what it optimises is nobody's business
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    try:
        return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of kinds that ONNX Runtime does not name
        raise Mistake(f"{file} cannot be opened as ONNX ({first_line(error)[:200]}); export it again") from None


def own_hash(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def description_in(file: Path, metadata: dict[str, str]) -> Description:
    if KEY not in metadata:
        raise Mistake(
            f"{file} has no metadata '{KEY}', which says its classes and how images are prepared; "
            "use a file that python -m unix_exp.export wrote"
        )
    try:
        return Description.of(parsed(metadata[KEY]))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Mistake(f"the metadata of {file} is damaged ({error}); export it again") from None
