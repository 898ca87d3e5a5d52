"""The base of every method: networks by role, a sampler and criteria; a batch in, losses out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.scouting import Passes, scout, undivided
from unix_exp.models.parts import classify
from unix_exp.types import Batch, Losses, Mistake, Output, Sampler, Stage

Kind = Literal["frozen", "trained"]


class Parts(NamedTuple):
    """What a method is assembled from, whatever settings of its own it has."""

    networks: Mapping[str, nn.Module]  # by role: "student", and those that the method and its sampler declare
    sampler: Sampler
    criterion: Weighted
    scouting: Callable[[], AbstractContextManager[object]] = nullcontext  # the precision in which the student scouts
    averages: Mapping[str, float] = {}  # roles that are moving averages of the student, with their decay
    further: Mapping[str, Kind] = {}  # the roles that the method's settings add


class Distiller(nn.Module):
    """Knows no optimiser, device, log or file. Its networks are attributes: `self.student`, `self.teacher`, ...

    All that it, its sampler or its criteria keep from step to step is module state, and so in the checkpoint. Where
    its settings decide which networks it needs, it may also have

        further(settings) -> Mapping[str, Kind]      a class method: networks beside those of `networks`, by role
    """

    networks: ClassVar[Mapping[str, Kind]] = {"teacher": "frozen"}  # beside the student, which is always trained
    like: ClassVar[str] = "student"  # whose architecture `further` ones have where none is chosen; or the teacher's

    in_names: ClassVar[bool] = True  # whether a run's name says which method it is

    student: nn.Module
    sampler: Sampler
    criterion: Weighted

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.roles = tuple(parts.networks)
        for role, network in parts.networks.items():
            setattr(self, role, network)
        self.frozen = tuple(role for role in self.roles if self.kind(role, parts) == "frozen")
        for role in self.frozen:
            getattr(self, role).requires_grad_(False)
        self.sampler = parts.sampler
        if hasattr(self.sampler, "answered") and "teacher" not in self.roles:
            raise Mistake("the sampler goes by the teacher's answers, and this method has no teacher; choose another")
        self.criterion = parts.criterion
        if "teacher" in self.frozen:  # a partial, not a closure: deepcopy of the method then copies it with the teacher
            self.criterion.give_classifier(partial(classify, parts.networks["teacher"], role="teacher"))
        self.scouting = parts.scouting
        self.averages = dict(parts.averages)
        self.passes: Passes = undivided  # several processes divide a batch here, and every method has the whole output

    @classmethod
    def kind(cls, role: str, parts: Parts) -> Kind:
        """A network that the method trains stays trained where the sampler looks at it too."""
        if role == "student":
            return "trained"
        looked_at: dict[str, Kind] = dict.fromkeys(getattr(parts.sampler, "networks", ()), "frozen")
        return (looked_at | dict(cls.networks) | dict(parts.further))[role]

    def train(self, mode: bool = True) -> Distiller:
        super().train(mode)
        for role in self.frozen:
            getattr(self, role).eval()  # train() would wake its batch norms
        return self

    def stages(self, recipe: Any) -> tuple[Stage, ...]:
        """The parts of the training, one after another; each begins with a fresh optimiser."""
        return (Stage("train", recipe),)

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        raise NotImplementedError

    def look(self, images: Tensor, mode: str = "train", who: str = "student") -> Output:
        """A network's output without gradient; samplers are given this function as `scout`."""
        with self.scouting() if who == "student" else nullcontext():
            return scout(getattr(self, who), images, "as it is" if who in self.frozen else mode, self.passes)

    @torch.no_grad()
    def ask(self, batch: Batch) -> Output | None:
        """The teacher's answer to a batch, stored or live; None where there is no teacher."""
        if batch.answers is not None:
            return self.told(batch, batch.answers)
        if "teacher" not in self.roles:
            return None
        return self.told(batch, self.passes(self.get_submodule("teacher"), batch.images))

    def told(self, batch: Batch, answer: Output) -> Output:
        """An answer that was just asked for; a sampler that has `answered` is given it too."""
        if hasattr(self.sampler, "answered"):
            self.sampler.answered(batch, answer)
        return answer

    def study(self, batch: Batch) -> Output:
        """The student's output with gradient; a sampler that has `learned` is given it too."""
        output = self.passes(self.student, batch.images)
        if hasattr(self.sampler, "learned"):
            with torch.no_grad():
                self.sampler.learned(batch, detached(output))
        return output

    @torch.no_grad()
    def stepped(self) -> None:
        """After every update: moving averages follow the student."""
        for role, decay in self.averages.items():
            average, student = getattr(self, role), self.student
            for mean, weight in zip(average.parameters(), student.parameters(), strict=True):
                mean.lerp_(weight, 1 - decay)
            for mean, buffer in zip(average.buffers(), student.buffers(), strict=True):
                mean.copy_(buffer)

    def without_frozen(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out the frozen networks, which have files of their own; moving averages of the student stay."""
        elsewhere = {role for role in self.frozen if role not in self.averages}
        return {name: value for name, value in names.items() if name.partition(".")[0] not in elsewhere}

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps of this method."""
        return self.without_frozen(self.state_dict())

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        missing, unknown = set(self.state()) - set(state), set(state) - set(self.state())
        if missing or unknown:
            raise ValueError(f"'{min(missing | unknown)}' is only in one of checkpoint and method")
        self.load_state_dict(state, strict=False)


def detached(output: Output) -> Output:
    alone: Output = tree_map_only(Tensor, Tensor.detach, output)  # a part that is not at hand stays unread
    return alone
