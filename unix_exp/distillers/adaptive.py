"""Adaptive Distillation: several paths from teacher to student, their weights learned (Chennupati et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from unix_exp.criteria.weighted import mean_over_images
from unix_exp.distillers.adaptive_paths import PATHS, Path, soft_target
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.registry import distillers
from unix_exp.types import Batch, Facts, Losses, Mistake, Output, Terms
from unix_exp.words import nearest


@distillers.register("adaptive")
class Adaptive(Distiller):
    """The criteria + alpha (sum_p w_p exp(-a_p) L_p + sum_p a_p), every a_p learned with the student.

    Where nothing else pulls at it, a_p settles where exp(a_p) = w_p L_p: each path then contributes alike.
    """

    def __init__(
        self,
        parts: Parts,
        facts: Facts,
        paths: dict[str, float],
        weights: Literal["adaptive", "layerwise", "fixed"] = "adaptive",
        alpha: float = 1.0,
        tau: float = 4.0,
    ) -> None:
        super().__init__(parts)
        self.paths = chosen(paths, tau)
        self.w, self.weights, self.alpha = dict(paths), weights, alpha
        student, teacher = (facts.shapes[role].stages for role in ("student", "teacher"))
        if any(path.reads != "logits" for path in self.paths.values()):
            check_stages(student, teacher)
        counts = {name: 1 if path.reads == "logits" else len(student) for name, path in self.paths.items()}
        if weights != "fixed":
            sizes = counts if weights == "layerwise" else dict.fromkeys(counts, 1)
            self.a = nn.ParameterDict({name: nn.Parameter(torch.zeros(size)) for name, size in sizes.items()})
        adapts = any(path.reads == "adapted maps" for path in self.paths.values())
        self.adapters = nn.ModuleList(
            adapter(ours.shape[1], theirs.shape[1]) for ours, theirs in zip(student, teacher, strict=True) if adapts
        )
        self.train()

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        batch = self.sampler(batch, self.look)
        teacher, student = self.ask(batch), self.study(batch)
        assert teacher is not None
        adapted = [adapter(maps) for adapter, maps in zip(self.adapters, student.stages, strict=False)]
        # Losses are float32 whatever the networks' precision, as those of the criteria are.
        with torch.autocast("cuda" if student.logits.is_cuda else "cpu", enabled=False):
            distances = {
                name: torch.stack(
                    [mean_over_images(name, one, batch) for one in compare(path, student, adapted, teacher)]
                )
                for name, path in self.paths.items()
            }
            terms, values = self.weighted(distances)
        return Losses({**self.criterion(student, teacher, batch), **terms}, batch.index, values)

    def weighted(self, distances: Mapping[str, Tensor]) -> tuple[Terms, Terms]:
        """The terms of the loss, and the learned factors exp(-a) of every path, or of every path and stage."""
        if self.weights == "fixed":
            return {f"path_{name}": self.alpha * self.w[name] * loss.sum() for name, loss in distances.items()}, {}
        terms: Terms = {}
        values: Terms = {}
        for name, loss in distances.items():
            factor = (-self.a[name]).exp()
            total = factor * loss if self.weights == "layerwise" else factor * loss.sum()
            terms[f"path_{name}"] = self.alpha * self.w[name] * total.sum()
            labels = [f"weight_{name}"] if len(factor) == 1 else [f"weight_{name}_{n + 1}" for n in range(len(factor))]
            values |= dict(zip(labels, factor.unbind(), strict=True))
        terms["sum_of_a"] = self.alpha * torch.cat(tuple(self.a.values())).sum()
        return terms, values


def compare(path: Path, student: Output, adapted: Sequence[Tensor], teacher: Output) -> list[Tensor]:
    """The distances of a path, [N] each: one for every stage, or one of the logits."""
    if path.reads == "logits":
        return [path.distance(student.logits.float(), teacher.logits.float())]
    ours = adapted if path.reads == "adapted maps" else student.stages
    return [path.distance(mine.float(), theirs.float()) for mine, theirs in zip(ours, teacher.stages, strict=True)]


def chosen(paths: Mapping[str, Any], tau: float) -> dict[str, Path]:
    """The paths by name, always in the same order: a checkpoint knows the parameters by their order."""
    if not paths:
        raise Mistake(f"distiller.paths is empty; give a weight to one or more of {', '.join(PATHS)}")
    for name, weight in paths.items():
        if name not in PATHS:
            raise Mistake(f"distiller.paths has no path '{name}'; {nearest(str(name), PATHS)}")
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < math.inf:
            raise Mistake(f"distiller.paths.{name} is {weight!r}; it must be a number above 0")
    if not 0 < tau < math.inf:
        raise Mistake(f"distiller.tau is {tau}; choose a temperature above 0")
    warm = {"st": PATHS["st"]._replace(distance=partial(soft_target, tau=tau))}
    return {name: warm.get(name, path) for name, path in PATHS.items() if name in paths}


def check_stages(student: tuple[Tensor, ...], teacher: tuple[Tensor, ...]) -> None:
    if not student or len(student) != len(teacher) or any(maps.dim() != 4 for maps in (*student, *teacher)):
        raise Mistake(
            f"distiller.paths compares feature maps stage by stage, but the student has {len(student)} stages and the "
            f"teacher {len(teacher)}; choose another pair, taps that match, or paths that compare logits"
        )


def adapter(entering: int, leaving: int) -> nn.Module:
    """Brings a student's stage to the width of the teacher's."""
    return nn.Sequential(nn.Conv2d(entering, leaving, 1, bias=False), nn.BatchNorm2d(leaving))
