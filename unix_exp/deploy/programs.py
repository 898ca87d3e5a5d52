"""A trained network as torch.export sees it: one function from images to logits, for any number of images."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from unix_exp.data.preprocessing import Preprocessing
from unix_exp.deploy.preparing import Prepare
from unix_exp.engine.folding import refusal, with_norms_folded
from unix_exp.models.logits import Logits
from unix_exp.types import Mistake
from unix_exp.words import first_line

ANY_SIZE = (61, 47)  # of the image that a preparation is followed with


def folded(student: nn.Module, size: int, say: Callable[[str], None]) -> nn.Module:
    """A copy whose batch norms are part of its convolutions, where that changes no answer."""
    assert isinstance(student, Logits)
    plain = copy.deepcopy(student.network).to("cpu", torch.float32).eval()
    small = with_norms_folded(plain, size)
    if (reason := refusal(plain, small, size)) is not None:
        say(f"the batch norms are not folded into the convolutions: {reason}")
        small = plain
    return Logits(small).eval().requires_grad_(False)


def program_of(network: nn.Module, size: int) -> Any:
    """[N, 3, size, size] -> [N, C]."""
    return followed(network, torch.zeros(2, 3, size, size), {0: dimension("batch")})


def preparation_of(preprocessing: Preprocessing, network: nn.Module | None = None) -> Any:
    """[N, H, W, 3] uint8 -> [N, 3, size, size], or with a network after it -> [N, C]."""
    prepare = Prepare(preprocessing)
    whole = prepare if network is None else nn.Sequential(prepare, network)
    pixels = torch.zeros(2, *ANY_SIZE, 3, dtype=torch.uint8)
    return followed(whole, pixels, {0: dimension("batch"), 1: dimension("height"), 2: dimension("width")})


def dimension(name: str) -> Any:
    return torch.export.Dim(name, min=1 if name == "batch" else 2)


def followed(module: nn.Module, example: Tensor, dynamic: dict[int, Any]) -> Any:
    try:
        program = torch.export.export(module.eval(), (example,), dynamic_shapes=(dynamic,))
    except Exception as error:  # of a network whose code it cannot follow, in any of its kinds
        raise Mistake(f"torch.export cannot follow this network: {first_line(error)[:300]}") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    return program
