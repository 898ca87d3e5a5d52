"""Images made smaller before a network that is only asked: it answers for less compute, and less well."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.ranges import Range

# Below a half, a pixel of the smaller image would be made of four that leave others out.
Shrink: TypeAlias = Annotated[float, Range(0.5, 1)]


def see_smaller(network: nn.Module, shrink: float | None) -> None:
    """Let a network see images whose side is this share of what it is given; 1 and None change nothing."""
    if shrink in (None, 1):
        return
    network.shrink = shrink  # type: ignore[assignment]
    network.register_forward_pre_hook(made_smaller)


def is_asked_smaller(network: nn.Module) -> bool:
    return getattr(network, "shrink", None) is not None


def made_smaller(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor]:
    (images,) = inputs
    return (images,) if network.shrink is None else (smaller(images, float(network.shrink)),)  # type: ignore[arg-type]


def smaller(images: Tensor, shrink: float) -> Tensor:
    """[N, 3, H, W] -> [N, 3, shrink H, shrink W], each pixel of the four nearest."""
    height, width = (max(1, round(side * shrink)) for side in images.shape[2:])
    return F.interpolate(images, (height, width), mode="bilinear", align_corners=False)
