"""What every kind of file gives once it is opened: a function from images to logits, and what one has to know of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from torch import Tensor

from unix_exp.run.description import Description

Answer: TypeAlias = Callable[[Tensor], Tensor]  # images -> logits [N, C] float32 on the CPU


class Answering(NamedTuple):
    description: Description
    answer: Answer
    pixels: bool = False  # images are [N, H, W, 3] uint8 of any size, and not [N, 3, size, size] normalised float
