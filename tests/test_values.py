"""What a method logs beside its loss: values of a step, and values of single images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from common import only
from own import check_that_it_resumes, kept, register, trained
from safetensors.torch import load_file

from unix_exp.distillers.offline import Offline
from unix_exp.engine.analysis import QUANTILES
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses, Mistake

pytestmark = pytest.mark.usefixtures("taught")


class Telling(Offline):
    """Offline distillation that also says how far the student is, a million times too loud for a loss."""

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        batch = self.sampler(batch, self.look)
        teacher, student = self.ask(batch), self.study(batch)
        apart = (student.logits - teacher.logits).abs().mean(dim=1)
        loud = 1e6 * (1 + apart)  # with gradient: it must not matter
        return Losses(
            self.criterion(student, teacher, batch), batch.index, {"loud": loud.mean()},
            {"loud": loud, "number": batch.index.float()},
        )  # fmt: skip


@pytest.fixture(autouse=True)
def telling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    register(monkeypatch, distillers, telling=Telling)


WORDS = ("distiller=telling", "sampler=random", "sampler.k=10", "recipe.epochs=2")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (only(Path("runs")) / name).read_text().splitlines()]


def test_a_value_is_logged_and_never_enters_the_loss() -> None:
    records = trained(*WORDS)
    plain = trained("distiller=offline", *WORDS[1:], "runs=plain")
    for told, quiet in zip(records, plain, strict=True):
        assert told.values["method/loud"] > 1e6
        assert told.values["train/loss"] == quiet.values["train/loss"] == told.values["train/kd"]
        assert told.values["test/top1"] == quiet.values["test/top1"]
        assert "train/loud" not in told.values
    assert [line["method/loud"] for line in lines("metrics.jsonl")] == [one.values["method/loud"] for one in records]
    mine, theirs = (load_file(only(Path(runs)) / "student.safetensors") for runs in ("runs", "plain"))
    assert all(torch.equal(value, theirs[name]) for name, value in mine.items())


class Terms(Offline):
    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        terms = super().forward(batch, stage).terms
        return Losses({"loss": terms["kd"], "lr": 2 * terms["kd"]}, batch.index)


def test_a_term_s_name_does_not_hide_the_whole_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, distillers, terms=Terms)
    plain, tripled = (trained(f"distiller={name}", *WORDS[1:], f"runs={name}", stop=1) for name in ("offline", "terms"))
    assert tripled[0].values["train/lr"] == plain[0].values["train/lr"]
    assert tripled[0].values["train/loss"] > 2 * plain[0].values["train/loss"]


def test_the_latest_value_of_each_image_is_kept_with_quantiles_epoch_by_epoch() -> None:
    records = trained(*WORDS)
    images = load_file(only(Path("runs")) / "images.safetensors")
    assert images.keys() == {"loud", "number"}
    number = images["number"]
    known = ~number.isnan()
    assert number.shape == (48,)
    assert torch.equal(number[known], torch.arange(48.0)[known]), "each value lies at its image's own number"
    assert torch.equal(known, ~images["loud"].isnan())
    assert 30 < known.sum() < 48, "two epochs of 30 draws"
    last = lines("analysis.jsonl")[-1]
    assert last["quantiles_loud"] == records[-1].arrays["quantiles_loud"]
    assert last["quantiles_loud"] == pytest.approx(
        torch.quantile(images["loud"][known], torch.tensor(QUANTILES)).tolist()
    )


def test_values_of_images_survive_a_resumption_bit_for_bit() -> None:
    check_that_it_resumes(*WORDS, "recipe.epochs=3", after=(1,))
    ours, theirs = (load_file(only(Path(runs)) / "images.safetensors") for runs in ("broken1", "unbroken"))
    assert all(torch.equal(ours[name].nan_to_num(-1), value.nan_to_num(-1)) for name, value in theirs.items())
    assert "latest_number" in kept("broken1")["analysis"]["tally"]


def test_without_analysis_nothing_is_kept_of_images_and_the_loss_is_the_same() -> None:
    on, off = trained(*WORDS), trained(*WORDS, "runtime.analysis=false", "runs=off")
    assert [one.values["train/loss"] for one in on] == [one.values["train/loss"] for one in off]
    assert [one.values["method/loud"] for one in on] == [one.values["method/loud"] for one in off]
    assert not (only(Path("off")) / "images.safetensors").exists()


class NoTerms(Telling):
    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        return super().forward(batch, stage)._replace(terms={})


class WholeTerm(Telling):
    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        losses = super().forward(batch, stage)
        return losses._replace(terms={"whole": losses.per_image["loud"]})


class WholeValue(Telling):
    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        losses = super().forward(batch, stage)
        return losses._replace(values={"whole": losses.per_image["loud"]})


class OfEveryImage(Telling):
    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        losses = super().forward(batch, stage)
        return losses._replace(per_image={"each": batch.index.float()})


class TermsAlone(Telling):
    def forward(self, batch: Batch, stage: str = "train") -> Any:
        return super().forward(batch, stage).terms


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (NoTerms, "^a method returns Losses with at least one term"),
        (TermsAlone, "^a method returns Losses with at least one term; this one returned dict"),
        (WholeTerm, r"^term 'whole' is \[10\]; terms and values are scalars$"),
        (WholeValue, r"^value 'whole' is \[10\]; terms and values are scalars$"),
        (OfEveryImage, r"^'each' has \[16\] values for 10 images; give one per image$"),
    ],
)
def test_losses_of_another_shape_are_refused_in_one_line(
    kind: type, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, distillers, wrong=kind)
    with pytest.raises(Mistake, match=complaint):
        trained("distiller=wrong", *WORDS[1:])
