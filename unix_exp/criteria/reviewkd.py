from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.criteria.logits import precise
from unix_exp.criteria.maps import Pair, shapes_of, squared, stages_of, summed
from unix_exp.ranges import Count, WarmUp
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake, Output

POOLED = (4, 2, 1)  # the sides at which maps are compared beside their own


@criteria.register("reviewkd")
class ReviewKD(nn.Module):
    """Match the teacher's stages by what the student knows deeper down too: knowledge review.

    From the embedding back to the first stage, every level is fused with what is left of the deeper ones by learned
    gates, and its result is compared with the teacher's at several sizes (Chen, Liu, Zhao and Jia 2021,
    arXiv 2104.09044). `max_mid` bounds the width of the fusing layers, which is the embedding's; `warm_up`: the epochs
    in which the loss grows to its full size.
    """

    needs_teacher = True

    def __init__(
        self,
        facts: Facts,
        max_mid: Annotated[Count, "the largest width of the layers that fuse the stages"] = 512,
        warm_up: WarmUp = 0,
    ) -> None:
        super().__init__()
        levels = levels_of(*shapes_of("reviewkd", facts))
        middle = min(max_mid, levels[-1][0].shape[1])
        deepest = len(levels) - 1
        self.fusing = nn.ModuleList(
            Fusing(ours.shape[1], middle, theirs.shape[1], fuses=number < deepest)
            for number, (ours, theirs) in enumerate(levels)
        )
        self.warm_up, self.clock = warm_up, facts.clock if warm_up else None

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        if len(student.embedding) == 1 and self.training:
            raise Mistake("criterion 'reviewkd' normalises over the batch, which is of one image; choose a larger one")
        left: Tensor | None = None
        losses = []
        for fuse, (ours, theirs) in reversed([*zip(self.fusing, levels_of(student, teacher), strict=True)]):
            result, left = fuse(ours, left, theirs.shape[-1])
            losses.append(at_every_size(result, theirs))
        loss = summed(losses)
        return loss if self.clock is None else loss * ((self.clock.epoch + 1) / self.warm_up).clamp(max=1)


def levels_of(student: Output, teacher: Output) -> list[Pair]:
    """The stages and the embedding, as a map of one position."""
    embeddings = (precise(one.embedding)[:, :, None, None] for one in (student, teacher))
    return [*stages_of("reviewkd", student, teacher), (next(embeddings), next(embeddings))]


class Fusing(nn.Module):
    """Maps of one level with what is left of the deeper ones: attention-based fusion."""

    def __init__(self, entering: int, middle: int, leaving: int, fuses: bool) -> None:
        super().__init__()
        into, out = nn.Conv2d(entering, middle, 1, bias=False), nn.Conv2d(middle, leaving, 3, padding=1, bias=False)
        self.conv1 = nn.Sequential(into, nn.BatchNorm2d(middle))
        self.conv2 = nn.Sequential(out, nn.BatchNorm2d(leaving))
        self.gates = nn.Conv2d(2 * middle, 2, 1) if fuses else None
        for convolution in (into, out):
            nn.init.kaiming_uniform_(convolution.weight, a=1)

    def forward(self, maps: Tensor, left: Tensor | None, side: int) -> tuple[Tensor, Tensor]:
        """What is compared with the teacher, and what is left for the next level; both `side` wide."""
        maps = self.conv1(maps)
        if self.gates is not None:
            assert left is not None, "the deepest level alone has none before it"
            left = resized(left, maps.shape[-1])
            gates = torch.sigmoid(self.gates(torch.cat([maps, left], dim=1)))
            maps = maps * gates[:, :1] + left * gates[:, 1:]
        maps = resized(maps, side)
        return self.conv2(maps), maps


def resized(maps: Tensor, side: int) -> Tensor:
    return maps if maps.shape[-1] == side else F.interpolate(maps, (side, side), mode="nearest")


def at_every_size(student: Tensor, teacher: Tensor) -> Tensor:
    """[N], the hierarchical context loss: mean squared differences, each size counting half of the larger one."""
    sides = [side for side in POOLED if side < student.shape[2]]
    pooled = [[F.adaptive_avg_pool2d(maps, side) for maps in (student, teacher)] for side in sides]
    weights = [0.5**number for number in range(1 + len(sides))]
    losses = [squared(*maps) for maps in ((student, teacher), *pooled)]
    return summed(weight * loss for weight, loss in zip(weights, losses, strict=True)) / sum(weights)
