"""Images as a network's weights want them, where the data set normalises them in another way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

NEAR = 1e-6


class Normalised(NamedTuple):
    """Mean and standard deviation by channel, of pixels in [0, 1], that images were brought to 0 and 1 by."""

    mean: Sequence[float]
    std: Sequence[float]

    def near(self, other: Normalised) -> bool:
        both = zip((*self.mean, *self.std), (*other.mean, *other.std), strict=True)
        return all(abs(one - two) < NEAR for one, two in both)


def published_input(network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
    """Note how the publisher of a network's weights normalised their images."""
    setattr(network, "own_input", Normalised(tuple(mean), tuple(std)))  # noqa: B010


def see_as_trained(network: nn.Module, given: Normalised, wanted: Normalised | None = None) -> Normalised:
    """Let a network see images in its own normalisation, the wanted one or its publisher's, and return which that is.

    They are given in another. It takes two operations per pixel before the network, and is no part of its state.
    Folding them into the first convolution would change what is seen at the border, where zeros are padded.
    """
    wanted = wanted or getattr(network, "own_input", None)
    if wanted is None or wanted.near(given):
        return given
    rows = zip(given.mean, given.std, wanted.mean, wanted.std, strict=True)
    pairs = [(had / has, (mean - own) / has) for mean, had, own, has in rows]
    device = next(network.parameters()).device
    for name, values in zip(("input_scale", "input_shift"), zip(*pairs, strict=True), strict=True):
        network.register_buffer(name, torch.tensor(values, device=device).view(-1, 1, 1), persistent=False)
    network.register_forward_pre_hook(as_wanted)
    return wanted


def as_wanted(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor]:
    (images,) = inputs
    return (images * network.input_scale + network.input_shift,)
