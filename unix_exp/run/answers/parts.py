"""What of an output is stored, and how: logits whole or the largest alone, the embedding, feature maps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from unix_exp.engine.absent import EMBEDDING, FEATURES, LOGITS, Absent
from unix_exp.run.answers.choice import BYTES, Choice
from unix_exp.types import Mistake, Output

DTYPES = {"float16": torch.float16, "float32": torch.float32}


def encode(output: Output, parts: Iterable[str], choice: Choice) -> dict[str, Tensor]:
    """A batch's answers as arrays by name, [N, ...] each."""
    arrays: dict[str, Tensor] = {}
    dtype = DTYPES[choice.precision]
    for part in parts:
        if part == LOGITS:
            arrays |= encoded_logits(output.logits.float(), choice.top, dtype)
        elif part == EMBEDDING:
            arrays[EMBEDDING] = bounded(output.embedding, dtype)
        else:
            arrays |= {f"{FEATURES}{number}": bounded(maps, dtype) for number, maps in enumerate(output.features)}
    return arrays


def encoded_logits(logits: Tensor, top: int | None, dtype: torch.dtype) -> dict[str, Tensor]:
    if top is None:
        return {LOGITS: bounded(logits, dtype)}
    values, classes = logits.topk(top, dim=1)
    others = logits.scatter(1, classes, -math.inf).logsumexp(dim=1, keepdim=True)
    count = logits.shape[1]
    narrow = torch.int16 if count < 2**15 else torch.int32
    # Of each other class, as if they all had the same logit: softmax then gives them their mass.
    return {
        "top": bounded(values, dtype),
        "classes": classes.to(narrow),
        "others": bounded(others - math.log(count - top), dtype),
    }


def bounded(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Half precision has no room for some logits; infinity would make the loss NaN."""
    limits = torch.finfo(dtype)
    return tensor.clamp(limits.min, limits.max).to(dtype)


def decode(arrays: Mapping[str, Tensor], classes: int) -> Output:
    """The output in float32; parts that are not stored raise an error when they are read."""
    embedding: Any = arrays[EMBEDDING].float() if EMBEDDING in arrays else Absent(EMBEDDING)
    maps = tuple(arrays[name].float() for name in sorted_features(arrays))
    features: Any = maps if maps else Absent(FEATURES)
    return Output(decoded_logits(arrays, classes), features, embedding)


def decoded_logits(arrays: Mapping[str, Tensor], classes: int) -> Tensor:
    if LOGITS in arrays:
        return arrays[LOGITS].float()
    if "top" not in arrays:
        absent: Any = Absent(LOGITS)
        return absent  # type: ignore[no-any-return]
    top = arrays["top"].float()
    others = arrays["others"].float().expand(-1, classes)
    return others.scatter(1, arrays["classes"].long(), top)


def sorted_features(names: Iterable[str]) -> list[str]:
    found = [name for name in names if name.startswith(FEATURES)]
    return sorted(found, key=lambda name: int(name.removeprefix(FEATURES)))


def belongs(name: str, part: str) -> bool:
    """Whether an array is of a part."""
    if part == LOGITS:
        return name in (LOGITS, "top", "classes", "others")
    return name.startswith(part)


def bytes_of(output: Output, parts: Iterable[str], choice: Choice) -> int:
    """What one image's answer takes, from an output of any batch; it may have shapes alone."""
    size = BYTES[choice.precision]
    classes = output.logits.shape[1]
    total = 0
    for part in parts:
        if part == LOGITS:
            total += (
                classes * size if choice.top is None else choice.top * (size + (2 if classes < 2**15 else 4)) + size
            )
        else:
            tensors = [output.embedding] if part == EMBEDDING else output.features
            total += sum(tensor[0].numel() * size for tensor in tensors)
    return total


def check_top(choice: Choice, classes: int) -> None:
    if choice.top is not None and choice.top >= classes:
        raise Mistake(
            f"answers.top is {choice.top}; choose less than the {classes} classes, or null to keep every logit"
        )
