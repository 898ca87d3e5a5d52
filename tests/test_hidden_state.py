"""What a component keeps where no checkpoint sees it is refused before anything is trained."""

from __future__ import annotations

import random
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from own import register, trial
from torch import Tensor, nn

from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.registry import criteria, distillers, samplers
from unix_exp.run.hidden_state import mark
from unix_exp.types import Batch, Losses, Mistake, Output, Scout


class Plain:
    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        self.keep(batch)
        return batch

    def keep(self, batch: Batch) -> None:
        raise NotImplementedError


class Module(nn.Module, Plain):
    def forward(self, batch: Batch, scout: Scout) -> Batch:
        return Plain.__call__(self, batch, scout)

    __call__ = nn.Module.__call__


class Counter(Plain):
    def __init__(self) -> None:
        self.hidden = 0

    def keep(self, batch: Batch) -> None:
        self.hidden += 1


class InPlace(Plain):
    def __init__(self) -> None:
        self.hidden = torch.zeros(())

    def keep(self, batch: Batch) -> None:
        self.hidden.add_(1)


class Replaced(Plain):
    def __init__(self) -> None:
        self.hidden = torch.zeros(64, 10)

    def keep(self, batch: Batch) -> None:
        self.hidden = self.hidden * 0.9


class Growing(Plain):
    def __init__(self) -> None:
        self.hidden: list[Any] = []

    def keep(self, batch: Batch) -> None:
        self.hidden.append(batch.index)


class Nested(Plain):
    def __init__(self) -> None:
        self.hidden = {"by class": [torch.zeros(3), torch.zeros(3)]}

    def keep(self, batch: Batch) -> None:
        self.hidden["by class"][1] += 1


class Fleeting(Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("hidden", torch.zeros(()), persistent=False)

    def keep(self, batch: Batch) -> None:
        self.hidden.mul_(0.9)


class Drawing(Plain):
    def __init__(self) -> None:
        self.hidden = random.Random(0)

    def keep(self, batch: Batch) -> None:
        self.hidden.random()


class Generator(Plain):
    def __init__(self) -> None:
        self.hidden = torch.Generator()

    def keep(self, batch: Batch) -> None:
        torch.rand(1, generator=self.hidden, device="cpu")


class Begun(Plain):
    """Nothing is there before the first step."""

    def keep(self, batch: Batch) -> None:
        self.hidden = batch.index.clone()


class OfModule(Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = 0

    def keep(self, batch: Batch) -> None:
        self.hidden += 1


class Iterating(Plain):
    def __init__(self) -> None:
        self.hidden = count()

    def keep(self, batch: Batch) -> None:
        next(self.hidden)


class OfClass(Plain):
    hidden = 0

    def keep(self, batch: Batch) -> None:
        type(self).hidden += 1


HIDING = (
    Counter, InPlace, Replaced, Growing, Nested, Fleeting, Drawing, Generator, Begun, OfModule, Iterating, OfClass,
)  # fmt: skip


@pytest.mark.parametrize("hiding", HIDING)
def test_a_sampler_s_hidden_state_is_refused_in_one_line(hiding: type, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, hiding=hiding)
    with pytest.raises(Mistake) as refused:
        trial(sampler="hiding")
    said = str(refused.value)
    assert said.startswith("sampler changes 'hidden' during a step but does not keep it in its state")
    assert "register_buffer('hidden'" in said
    assert "\n" not in said


def test_a_tensor_that_takes_the_address_of_an_older_one_counts_as_another() -> None:
    tensor = torch.zeros(())
    address, before = id(tensor), mark(tensor)
    for _ in range(100):
        tensor = torch.zeros(())
        assert id(tensor) != address
        assert mark(tensor) != before


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_random_numbers_that_do_not_follow_the_seed_are_refused(draw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dicing(Plain):
        def keep(self, batch: Batch) -> None:
            draw()

    register(monkeypatch, samplers, dicing=Dicing)
    with pytest.raises(Mistake, match=r"^a step draws random numbers of Python or numpy, .*draw with torch"):
        trial(sampler="dicing")


class Constant(Module):
    """Everything that a component may keep beside its state."""

    def __init__(self) -> None:
        super().__init__()
        self.number, self.names, self.scale = 3, ["a", "b"], torch.arange(3.0)
        self.table = {"by class": torch.zeros(3)}
        self.draws, self.function, self.random = torch.Generator(), torch.relu, random.Random(0)
        self.register_buffer("fixed", torch.ones(3), persistent=False)
        self.register_buffer("memory", torch.zeros(64))

    def keep(self, batch: Batch) -> None:
        self.memory.index_fill_(0, batch.index, self.number)
        self.function(self.scale + self.fixed)


def test_constants_and_registered_state_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, constant=Constant)
    assert trial(sampler="constant").ledger.first.images.learned == 16


class Counting:
    needs_teacher = True

    def __init__(self) -> None:
        self.hidden = 0

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        self.hidden += 1
        return (student.logits - teacher.logits).square().mean(dim=1)


class CountingModule(nn.Module):
    needs_teacher = True

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Module()
        self.inner.hidden = 0

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        self.inner.hidden += 1
        return (student.logits - teacher.logits).square().mean(dim=1)


class CountingMethod(Offline):
    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.hidden = 0

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        self.hidden += 1
        return super().forward(batch, stage)


def test_it_is_found_in_criteria_and_methods_too(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, criteria, counting=Counting, counting_module=CountingModule)
    register(monkeypatch, distillers, counting=CountingMethod)
    for chosen, owner in (
        ({"criterion": {"kd": {}, "counting": {}}}, "criterion.counting"),
        ({"criterion": {"kd": {}, "counting_module": {}}}, "criterion.counting_module"),
        ({"distiller": "counting"}, "distiller"),
    ):
        with pytest.raises(Mistake, match=f"^{owner}.* changes 'hidden' during a step"):
            trial(**chosen)


class Late(nn.Module):
    """An adapter of whatever width comes, made when it comes."""

    needs_teacher = True

    def __init__(self, lazy: bool = False, device: str | None = None) -> None:
        super().__init__()
        self.adapter: nn.Module | None = nn.LazyLinear(64) if lazy else None
        self.device = device

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        if self.adapter is None:
            self.adapter = nn.Linear(student.embedding.shape[1], 64, device=self.device or student.embedding.device)
        return (self.adapter(student.embedding) - teacher.embedding).square().mean(dim=1)


@pytest.mark.parametrize("settings", [{}, {"device": "cpu"}, {"lazy": True}], ids=["like it", "plain", "lazy"])
def test_weights_made_in_the_first_step_are_refused_in_one_line(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, criteria, late=Late)
    with pytest.raises(Mistake, match=r"adapter\S*' is made during the first step.*facts\.shapes") as refused:
        trial(criterion={"kd": {}, "late": settings})
    assert "\n" not in str(refused.value)
