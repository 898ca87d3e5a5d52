"""How strong an operation is: in 31 bins from nothing to the most, as torchvision has them (_auto_augment.py)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from unix_exp.data.augment.operations import NAMES

BINS = 31


class Most(NamedTuple):
    """The strongest amount of each operation; the others lie evenly between it and none."""

    shear: float
    translate: float  # in pixels, or in shares of the side
    of_side: bool
    rotate: float  # degrees
    blend: float  # of brightness, colour, contrast and sharpness, more or less of it
    bits: int  # that posterising takes away


MILD = Most(shear=0.3, translate=150 / 331, of_side=True, rotate=30, blend=0.9, bits=4)  # RandAugment's
WIDE = Most(shear=0.99, translate=32, of_side=False, rotate=135, blend=0.99, bits=6)  # TrivialAugment's


def amounts(most: Most, kinds: Tensor, bins: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Kinds and bins [N, steps] to what `operated` reads, [N, steps, 2]; what has two directions takes either."""
    table, signed = table_of(most, side)
    amount = table[kinds, bins]
    opposite = signed[kinds] & (torch.randint(2, kinds.shape, generator=generator) == 1)
    return torch.stack([kinds.double(), torch.where(opposite, -amount, amount)], dim=-1)


def table_of(most: Most, side: int) -> tuple[Tensor, Tensor]:
    """The amount of every operation in every bin, and whether it has two directions."""

    def to(end: float, start: float = 0.0) -> Tensor:
        return torch.linspace(start, end, BINS).double()  # torchvision's are of single precision

    pixels = to(most.translate * side if most.of_side else most.translate).trunc()
    rows = {"shear": to(most.shear), "translate": pixels, "rotate": to(most.rotate)}
    blends = dict.fromkeys(("brightness", "color", "contrast", "sharpness"), to(most.blend))
    signed = rows | blends
    others = {
        "posterize": (8 - torch.arange(BINS) / ((BINS - 1) / most.bits)).round().double(),  # bits that are kept
        "solarize": to(0.0, start=1.0),  # the share of white from which on a value is inverted
    }
    known = signed | others
    families = [name.partition("_")[0] for name in NAMES]
    table = torch.stack([known.get(one, torch.zeros(BINS, dtype=torch.float64)) for one in families])
    return table, torch.tensor([one in signed for one in families])
