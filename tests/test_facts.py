"""What a component may know when it is constructed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from own import DATA, register, trial
from torch import Tensor, nn

import unix_exp
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.distillers.offline import Offline
from unix_exp.registry import check_settings, criteria, distillers, models, samplers
from unix_exp.types import Batch, Facts, Mistake, Output, Scout

NETWORKS = {
    "resnet8": lambda: unix_exp.model("resnet8", num_classes=10),
    "shufflev1": lambda: unix_exp.model("shufflev1", num_classes=10),
    "timm resnet10t": lambda: models["timm"](arch="resnet10t", num_classes=10),
    "torchvision shufflenet_v2_x0_5": lambda: models["torchvision"](arch="shufflenet_v2_x0_5", num_classes=10),
}


def keeping(found: list[Facts]) -> Any:
    class Keeping:
        def __init__(self, facts: Facts, k: int = 3) -> None:
            found.append(facts)

        def __call__(self, batch: Batch, scout: Scout) -> Batch:
            return batch

    return Keeping


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sampler_that_names_facts_knows_the_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Facts] = []
    register(monkeypatch, samplers, keeping=keeping(found))
    networks = {"student": NETWORKS[name](), "teacher": unix_exp.model("resnet14", num_classes=10)}
    trial(networks, sampler={"name": "keeping", "k": 5})
    (facts,) = found
    assert (facts.classes, facts.train_count, facts.batch, facts.epochs, facts.size) == (10, 64, 16, 2, 32)
    assert list(facts.shapes) == ["student", "teacher"]
    for role, network in networks.items():
        with torch.no_grad():
            real: Output = network(torch.randn(16, 3, 32, 32))
        shadow = facts.shapes[role]
        assert shadow.embedding.is_meta
        assert shadow.logits.shape == real.logits.shape
        assert shadow.embedding.shape == real.embedding.shape
        assert [one.shape for one in shadow.features] == [one.shape for one in real.features]


def test_every_kind_of_component_may_name_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Near(nn.Module):
        needs_teacher = True

        def __init__(self, facts: Facts) -> None:
            super().__init__()
            widths = [facts.shapes[role].embedding.shape[1] for role in ("student", "teacher")]
            self.adapter = nn.Linear(*widths)

        def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
            return (self.adapter(student.embedding) - teacher.embedding).square().mean(dim=1)

    class Knowing(Offline):
        def __init__(self, parts: Parts, facts: Facts) -> None:
            super().__init__(parts)
            assert facts.train_count == DATA.train_count

    register(monkeypatch, criteria, near=Near)
    register(monkeypatch, distillers, knowing=Knowing)
    networks = {"student": unix_exp.model("resnet8", num_classes=10), "teacher": NETWORKS["timm resnet10t"]()}
    step = trial(networks, criterion={"kd": {}, "near": {}}, distiller="knowing").ledger.first
    assert step.other == pytest.approx(16 * 64 * 512 / 1e9), "the adapter is in the ledger"


def test_the_clock_of_the_facts_is_the_epoch(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from own import trained

    class Late(Offline):
        """Counts its loss only after the first epoch, in a warm-up that the clock decides."""

        def __init__(self, parts: Parts, facts: Facts) -> None:
            super().__init__(parts)
            self.clock = facts.clock

        def forward(self, batch: Batch, stage: str = "train") -> Any:
            losses = super().forward(batch, stage)
            share = (self.clock.epoch / 2).clamp(max=1)
            return losses._replace(terms={name: share * term for name, term in losses.terms.items()})

    register(monkeypatch, distillers, late=Late)
    monkeypatch.chdir(tmp_path)
    first, second = trained("distiller=late", "recipe.epochs=2")
    assert first.values["train/loss"] == 0 < second.values["train/loss"]


def test_what_needs_no_widths_needs_no_facts() -> None:
    logits = torch.randn(4, 10)
    output, batch = Output(logits, (logits,), logits), Batch(logits, logits.softmax(1), torch.arange(4))
    assert unix_exp.criterion("kd", tau=2.0)(output, output, batch) == 0
    assert isinstance(Distiller.networks, dict)


def test_types_imported_for_type_checkers_alone_do_no_harm() -> None:
    def constructor(facts: Unknown, k: int = 3) -> None:  # type: ignore[name-defined]  # noqa: F821
        pass

    check_settings(constructor, "mine", {"k": 4}, given=("facts",), role="sampler")
    with pytest.raises(Mistake, match=r"^sampler 'mine' has no setting 'kk'; did you mean 'k'"):
        check_settings(constructor, "mine", {"kk": 4}, given=("facts",), role="sampler")


def test_without_facts_what_needs_them_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, keeping=keeping([]))
    with pytest.raises(Mistake, match=r"^sampler 'keeping' needs to know the data and the networks; pass facts="):
        unix_exp.sampler("keeping")
    with pytest.raises(Mistake, match="has no setting 'facts'"):
        samplers.make("keeping", {"facts": 3}, facts=object())
