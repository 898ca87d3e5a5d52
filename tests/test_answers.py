"""Stored answers are the teacher's: the same training as asking it live over the same views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from assembled import Case, Noise
from stored import training

from unix_exp.engine.loop import Training, train
from unix_exp.run.answers.choice import Choice
from unix_exp.types import Mistake, View

KD = Case("offline", "everything", ("kd",))
EXACT = Choice(stored=True, views=2, precision="float32")
LIVE = Choice(views=2)


def trained(run: Training) -> dict[str, torch.Tensor]:
    list(train(run))
    return run.method.state()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


METHODS = [
    KD,
    Case("offline", "random", ("kd", "ce")),
    Case("offline", "uncertain", ("kd",), (("k", 12),)),
    Case("pad", "everything", ("kd",)),
]


@pytest.mark.parametrize("jitter", [0, 1])
@pytest.mark.parametrize("case", METHODS, ids=str)
def test_stored_in_float32_is_live_bit_for_bit(case: Case, jitter: int, tmp_path: Path) -> None:
    stored = trained(training(case, replace(EXACT, jitter=jitter), tmp_path))
    # Jitter shifts the student's view alone, which a live teacher cannot be asked beside: it is compared without.
    live = trained(training(case, LIVE, tmp_path))
    assert same(stored, live) == (not jitter)


def test_half_precision_differs_by_rounding_alone(tmp_path: Path) -> None:
    stored = trained(training(KD, replace(EXACT, precision="float16"), tmp_path))
    live = trained(training(KD, LIVE, tmp_path))
    assert not same(stored, live)
    for name, value in live.items():
        torch.testing.assert_close(stored[name], value, rtol=2e-3, atol=2e-3, msg=name)


def test_every_crop_stored_is_plain_distillation(tmp_path: Path) -> None:
    data = Noise()
    assert data.crops == 18
    stored = trained(training(KD, replace(EXACT, views="all"), tmp_path))
    assert same(stored, trained(training(KD, Choice(), tmp_path)))


def test_a_crop_has_one_number() -> None:
    data = Noise()
    data.load("cpu")
    drawn = data.drawn(torch.Generator().manual_seed(0), None, View())
    assert drawn.crop is not None and drawn.crop.unique().numel() > 10
    batch = data.gathered(drawn, slice(0, 64))
    for row, (index, crop) in enumerate(zip(drawn.order.tolist(), drawn.crop.tolist(), strict=True)):
        shown = next(data.view_batches(64, View(crop=crop)))
        assert torch.equal(shown[index], batch.images[row])


def test_a_mixed_answer_is_the_mean_that_the_image_is(tmp_path: Path) -> None:
    """A teacher that is linear in the image answers a mixed image with the mixed answer."""
    run = training(Case("offline", "unix", ("kd",)), EXACT, tmp_path)
    batch = next(iter(run.data.train_batches(16, 3, view=run.views(0))))
    assert batch.answers is not None
    linear = batch._replace(answers=batch.answers._replace(logits=batch.images.flatten(1)))
    run.method.train()
    made = run.method.sampler(linear, run.method.look)
    assert made.answers is not None and len(made.images) == 12
    torch.testing.assert_close(made.answers.logits, made.images.flatten(1))
    assert not torch.equal(made.images, batch.images[:12])


def test_only_what_the_method_reads_is_stored(tmp_path: Path) -> None:
    for case, parts in ((KD, ("logits",)), (Case("pad", "everything", ("kd",)), ("logits", "embedding"))):
        run = training(case, EXACT, tmp_path / case.distiller)
        assert run.views.parts == parts  # type: ignore[attr-defined]


def test_feature_maps_are_stored_only_where_asked_for(tmp_path: Path) -> None:
    case = Case("offline", "everything", ("at",))
    with pytest.raises(Mistake, match=r"feature maps, which take .* for 2 views; answers.features=true"):
        training(case, EXACT, tmp_path)
    stored = trained(training(case, replace(EXACT, features=True), tmp_path))
    for name, value in trained(training(case, LIVE, tmp_path)).items():
        torch.testing.assert_close(stored[name], value, msg=name)  # maps come back in another memory format


def test_top_logits_and_the_mass_of_the_others(tmp_path: Path) -> None:
    whole, top = (training(KD, replace(EXACT, top=top), tmp_path / str(top)) for top in (None, 3))
    one, other = (next(iter(run.data.train_batches(16, 3, view=run.views(0)))).answers for run in (whole, top))
    assert one is not None and other is not None
    kept = one.logits.topk(3, dim=1).indices
    torch.testing.assert_close(other.logits.softmax(1).gather(1, kept), one.logits.softmax(1).gather(1, kept))
    torch.testing.assert_close(other.logits.logsumexp(1), one.logits.logsumexp(1))
    assert not torch.equal(one.logits, other.logits)


def test_the_price_is_the_looks_that_were_used(tmp_path: Path) -> None:
    """Two epochs: one view costs half of the teacher's part, two views all of it, and more are not made."""
    percents = {}
    for views in (1, 2, 5):
        run = training(KD, replace(EXACT, views=views), tmp_path / str(views))
        records = list(train(run))
        percents[views] = records[-1].values["cost/percent_of_kd"]
        step = run.ledger.first
        rho = step.teacher / step.student
        assert percents[views] == pytest.approx(100 * (2 + min(views, 2) / 2 * rho) / (rho + 2))
        assert records[-1].values["cost/teacher_gflops"] == 0
        assert records[-1].values["cost/answers_gflops"] == pytest.approx(64 * min(views, 2) * step.teacher)
    assert percents[2] == percents[5] == pytest.approx(100)
    assert len(list((tmp_path / "5").glob("**/view-*.json"))) == 2


@pytest.mark.parametrize(
    ("case", "choice", "why"),
    [
        (Case("supervised", "everything", ("ce",)), EXACT, "this method has no teacher"),
        (KD, replace(EXACT, top=10), "choose less than the 10 classes"),
    ],
    ids=str,
)
def test_what_cannot_be_stored_is_refused(case: Case, choice: Choice, why: str, tmp_path: Path) -> None:
    with pytest.raises(Mistake, match=why):
        training(case, choice, tmp_path)
