"""Adaptive Distillation: several paths from teacher to student, their weights learned.

(Chennupati, Kamani, Cheng and Chen 2021, arXiv 2110.09674)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from unix_exp.criteria.logits import Temperature
from unix_exp.criteria.weighted import mean_over_images
from unix_exp.distillers.adaptive_paths import PATHS, Path, soft_target
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.models.parts import classify
from unix_exp.ranges import Range
from unix_exp.registry import distillers
from unix_exp.types import Batch, Facts, Losses, Mistake, Output, Terms
from unix_exp.words import nearest

AT_AND_ST = {"at": 1000.0, "st": 0.1}  # the study's main pair of paths


@distillers.register("adaptive")
class Adaptive(Distiller):
    """The criteria + alpha (sum_p w_p exp(-a_p) L_p + sum_p a_p), every a_p learned with the student.

    Where nothing else pulls at it, a_p settles where exp(a_p) = w_p L_p: each path then contributes alike.
    """

    def __init__(
        self,
        parts: Parts,
        facts: Facts,
        paths: Annotated[
            dict[str, Annotated[float, Range(0, 1_000_000, above=True)]] | None,
            "what the student learns from, each with its weight; null: {at: 1000, st: 0.1}",
        ] = None,
        weights: Annotated[
            Literal["adaptive", "layerwise", "fixed"],
            "adaptive: one more weight is learned for each path; layerwise: for each path and stage; fixed: none",
        ] = "adaptive",
        alpha: Annotated[float, Range(0, 1_000_000, above=True), "weight of all paths together"] = 1.0,
        tau: Temperature = 4.0,
    ) -> None:
        super().__init__(parts)
        paths = AT_AND_ST if paths is None else paths
        self.paths = chosen(paths, tau)
        self.w, self.weights, self.alpha = dict(paths), weights, alpha
        student, teacher = facts.shapes["student"], facts.shapes["teacher"]
        check_maps(self.paths, student, teacher)
        self.adapted = tuple(
            dict.fromkeys(one for path in self.paths.values() for one in adapts(path, teacher, student))
        )
        self.adapters = nn.ModuleList(adapter(student.stages[at].shape[1], width) for at, width in self.adapted)
        if weights != "fixed":
            by_stage = [name for name, path in self.paths.items() if weights == "layerwise" and "maps" in path.reads]
            sizes = {name: len(student.stages) if name in by_stage else 1 for name in self.paths}
            self.a = nn.ParameterDict({name: nn.Parameter(torch.zeros(size)) for name, size in sizes.items()})
        self.train()

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        batch = self.sampler(batch, self.look)
        teacher, student = self.ask(batch), self.study(batch)
        assert teacher is not None
        adapted = {
            where: adapter(student.stages[where[0]]) for where, adapter in zip(self.adapted, self.adapters, strict=True)
        }
        # Losses are float32 whatever the networks' precision, as those of the criteria are.
        with torch.autocast("cuda" if student.logits.is_cuda else "cpu", enabled=False):
            losses: Terms = {}
            for name, path in self.paths.items():
                pairs = self.compared(path, student, adapted, teacher)
                distances = [path.distance(ours.float(), theirs.float()) for ours, theirs in pairs]
                losses[name] = torch.stack([mean_over_images(name, distance, batch) for distance in distances])
            terms, values = self.weighted(losses)
        return Losses({**self.criterion(student, teacher, batch), **terms}, batch.index, values)

    def compared(
        self, path: Path, student: Output, adapted: Mapping[tuple[int, int], Tensor], teacher: Output
    ) -> list[tuple[Tensor, Tensor]]:
        """What a path compares: one pair, or one for every stage."""
        if path.reads == "logits":
            return [(student.logits, teacher.logits)]
        if path.reads == "classified":
            last = adapted[len(student.stages) - 1, teacher.embedding.shape[1]].float().mean((2, 3))
            return [(classify(self.get_submodule("teacher"), last, "teacher"), teacher.logits)]
        if path.reads == "maps":
            return list(zip(student.stages, teacher.stages, strict=True))
        return [(adapted[at, maps.shape[1]], maps) for at, maps in enumerate(teacher.stages)]

    def weighted(self, losses: Mapping[str, Tensor]) -> tuple[Terms, Terms]:
        """The terms of the loss, and the learned factors exp(-a) of every path, or of every path and stage."""
        if self.weights == "fixed":
            return {f"path_{name}": self.alpha * self.w[name] * loss.sum() for name, loss in losses.items()}, {}
        terms: Terms = {}
        values: Terms = {}
        for name, loss in losses.items():
            factor = (-self.a[name]).exp()
            total = factor * loss if self.weights == "layerwise" else factor * loss.sum()
            terms[f"path_{name}"] = self.alpha * self.w[name] * total.sum()
            labels = [f"weight_{name}"] if len(factor) == 1 else [f"weight_{name}_{n + 1}" for n in range(len(factor))]
            values |= dict(zip(labels, factor.unbind(), strict=True))
        terms["sum_of_a"] = self.alpha * torch.cat(tuple(self.a.values())).sum()
        return terms, values


def chosen(paths: Mapping[str, Any], tau: float) -> dict[str, Path]:
    """The paths by name, always in the same order: a checkpoint knows the parameters by their order."""
    if not paths:
        raise Mistake(f"distiller.paths is empty; give a weight to one or more of {', '.join(PATHS)}")
    for name in paths:
        if name not in PATHS:
            raise Mistake(f"distiller.paths has no path '{name}'; {nearest(str(name), PATHS)}")
    warm = {"st": PATHS["st"]._replace(distance=partial(soft_target, tau=tau))}
    return {name: warm.get(name, path) for name, path in PATHS.items() if name in paths}


def check_maps(paths: Mapping[str, Path], student: Output, teacher: Output) -> None:
    ours, theirs = student.stages, teacher.stages
    reading = [name for name, path in paths.items() if path.reads != "logits"]
    by_stage = [name for name in reading if "maps" in paths[name].reads]
    if by_stage and (len(ours) != len(theirs) or not theirs or any(maps.dim() != 4 for maps in theirs)):
        raise Mistake(
            f"distiller.paths.{by_stage[0]} compares feature maps stage by stage, but the student has {len(ours)} and "
            f"the teacher {len(theirs)}; choose another pair, taps that match, or paths that compare logits"
        )
    if reading and (not ours or any(maps.dim() != 4 for maps in ours)):
        raise Mistake(f"distiller.paths.{reading[0]} reads feature maps [N, D, H, W] of the student; tap some of it")


def adapts(path: Path, teacher: Output, student: Output) -> list[tuple[int, int]]:
    """Which of the student's stages a path needs, and at which width."""
    if path.reads == "classified":
        return [(len(student.stages) - 1, teacher.embedding.shape[1])]
    return [(at, maps.shape[1]) for at, maps in enumerate(teacher.stages)] if path.reads == "adapted maps" else []


def adapter(entering: int, leaving: int) -> nn.Module:
    """Brings a student's stage to the width of the teacher's."""
    return nn.Sequential(nn.Conv2d(entering, leaving, 1, bias=False), nn.BatchNorm2d(leaving))
