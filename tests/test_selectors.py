"""Samplers of other papers: which images they choose, what these cost, and the values of public references."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from assembled import Case, training, trial_of
from states import differences, timeless, untimed
from torch import Tensor

from unix_exp.criteria.weighted import mean_over_images
from unix_exp.distillers.clock import Clock
from unix_exp.engine.loop import Training, train
from unix_exp.registry import samplers
from unix_exp.run.checkpoint import read_state, save_state
from unix_exp.run.continuing import load_state, state_of
from unix_exp.samplers.infobatch import pruned
from unix_exp.samplers.uncertainty import entropy
from unix_exp.types import Batch, Facts, Mistake, Output

GOLDEN = {
    key: torch.from_numpy(np.asarray(value))
    for key, value in np.load(Path(__file__).parent / "golden" / "selectors.npz").items()
}


def made(name: str, train_count: int = 64, epochs: int = 12, **settings: Any) -> Any:
    return samplers.make(name, settings, facts=Facts(10, train_count, 16, epochs, 8, {}, Clock()))


def said(logits: Tensor) -> Output:
    return Output(logits, (), logits)


def batch(labels: Tensor, classes: int = 10) -> Batch:
    count = len(labels)
    return Batch(torch.zeros(count, 3, 4, 4), F.one_hot(labels, classes).float(), torch.arange(count))


def with_losses(losses: Iterable[float], labels: Tensor, classes: int = 10) -> Output:
    """Predictions whose cross entropy with the labels is this."""
    of_label = torch.tensor([-float(loss) for loss in losses])
    others = ((1 - of_label.exp()) / (classes - 1)).log()
    return said(torch.where(F.one_hot(labels, classes).bool(), of_label[:, None], others[:, None]))


def scouts(**outputs: Output) -> Callable[..., Output]:
    """By network, what it says, once."""

    def scout(images: Tensor, mode: str = "train", who: str = "student") -> Output:
        return outputs.pop(who)

    return scout


def seen_in(run: Training, epochs: int | None = None) -> list[list[int]]:
    """The images of each epoch, as the method is given them."""
    seen: list[list[int]] = []
    run.method.register_forward_pre_hook(lambda _, given: seen[-1].extend(given[0].index.tolist()))
    run.analysis = None
    seen.append([])
    for record in train(run):
        if record.epoch == (epochs or run.epochs):
            break
        seen.append([])
    return seen


def test_the_images_that_infobatch_keeps_and_their_weights_are_the_reference_s() -> None:
    ratio = float(GOLDEN["infobatch_prune_ratio"])
    kept, weights = pruned(GOLDEN["infobatch_scores"], GOLDEN["infobatch_uniform"], ratio)
    assert torch.equal(kept, GOLDEN["infobatch_kept"])
    assert torch.equal(weights, GOLDEN["infobatch_weights"])

    sampler = made("infobatch", train_count=len(weights), prune_ratio=ratio)
    sampler.weights.copy_(weights)
    rows = batch(torch.zeros(8, dtype=torch.int64))._replace(index=GOLDEN["infobatch_batch_index"])
    weighted = mean_over_images("ce", GOLDEN["infobatch_batch_losses"], sampler(rows, scouts()))
    assert float(weighted) == pytest.approx(float(GOLDEN["infobatch_batch_loss"]), rel=1e-6)


def test_infobatch_leaves_images_out_until_the_share_of_the_epochs_that_the_reference_has() -> None:
    epochs, counts = int(GOLDEN["infobatch_epochs"]), GOLDEN["infobatch_samples_per_epoch"].tolist()
    sampler = made("infobatch", train_count=200, epochs=epochs, delta=float(GOLDEN["infobatch_delta"]))
    assert len(sampler.begin(0)) == 200, "nothing is known of any image"
    sampler.losses.copy_(GOLDEN["infobatch_scores"])
    chosen = [sampler.begin(epoch) for epoch in range(epochs)]
    assert [200 if one is None else len(one) for one in chosen] == counts
    assert (sampler.weights == 1).all(), "in the last epochs all images count alike"
    assert set(chosen[0].tolist()) != set(chosen[1].tolist()), "drawn anew"


def test_infobatch_keeps_the_expected_loss_and_what_it_has_never_seen() -> None:
    torch.manual_seed(0)
    losses = torch.rand(60) ** 2
    losses[7] = torch.nan
    total = torch.zeros(())
    for _ in range(400):
        kept, weights = pruned(losses, torch.rand(60), 0.75)
        assert 7 in kept.tolist() and weights[7] == 1
        total += (weights * losses)[kept].nansum() / 400
    assert float(total) == pytest.approx(float(losses.nansum()), rel=0.01)


def test_infobatch_scores_by_the_loss_without_weights() -> None:
    sampler, labels = made("infobatch"), torch.arange(4)
    given = batch(labels)._replace(weight=torch.full((4,), 2.0), index=torch.tensor([9, 3, 5, 7]))
    sampler.learned(given, with_losses([0.1, 0.2, 0.3, 0.4], labels))
    torch.testing.assert_close(sampler.losses[[9, 3, 5, 7]], torch.tensor([0.1, 0.2, 0.3, 0.4]))
    assert sampler.losses.isnan().sum() == 60


def test_infobatch_continues_bit_for_bit_while_it_leaves_images_out(tmp_path: Path) -> None:
    case = Case("offline", "infobatch", ("kd",), (("delta", 1.0), ("prune_ratio", 0.9)))
    whole = training(case)
    told = []
    for record in train(whole):
        told.append(record)
        save_state(tmp_path / f"{record.epoch}.pt", state_of(whole))
    assert whole.progress.images < 2 * 64, "some were left out"
    rest = training(case)
    load_state(rest, read_state(tmp_path / "1.pt"), SimpleNamespace(checkpoint=tmp_path / "1.pt"))  # type: ignore[arg-type]
    (again,) = train(rest)
    assert untimed(again.values) == untimed(told[1].values)
    assert differences(timeless(state_of(whole)), timeless(state_of(rest))) == []


def test_rho_ranks_as_the_reference() -> None:
    labels, k = GOLDEN["labels"], int(GOLDEN["rho_k"])
    student, holdout = said(GOLDEN["student_logits"]), with_losses(GOLDEN["rho_irreducible"], labels, 100)
    kept = made("rho", k=k)(batch(labels, 100), scouts(student=student, holdout=holdout))
    assert torch.equal(kept.index, GOLDEN["rho_selected"])


def test_the_images_of_rho_s_holdout_network_are_not_the_student_s() -> None:
    student = made("rho", held_out=0.25, seed=3)
    holdout = made("subset", share=0.25, seed=3)
    assert len(student.begin(0)) == 48 and len(holdout.begin(0)) == 16
    assert set(student.begin(1).tolist()).isdisjoint(holdout.begin(1).tolist())
    assert made("rho").begin(0) is None, "nothing is held out unless it is asked for"


def test_the_highest_loss_is_the_student_s_with_the_labels() -> None:
    labels = torch.arange(6)
    kept = made("high_loss", k=2)(batch(labels), scouts(student=with_losses([1.0, 0.2, 3.0, 0.1, 2.0, 0.5], labels)))
    assert kept.index.tolist() == [2, 4]


@pytest.mark.parametrize("stored", [False, True])
def test_behind_compares_with_the_teacher_and_hands_on_what_it_said(stored: bool) -> None:
    labels = torch.arange(6)
    student = with_losses([1.0, 0.2, 3.0, 0.1, 2.0, 0.5], labels)
    teacher = with_losses([0.1, 0.1, 2.9, 0.1, 1.0, 0.1], labels)
    given = batch(labels)._replace(answers=teacher if stored else None)
    networks = {"student": student} if stored else {"student": student, "teacher": teacher}
    kept = made("behind", k=3)(given, scouts(**networks))
    assert kept.index.tolist() == [4, 0, 5]
    assert kept.answers is not None and torch.equal(kept.answers.logits, teacher.logits[[4, 0, 5]])


def test_what_is_behind_the_teacher_costs_one_look_of_each_network() -> None:
    images = {name: trial_of(Case("offline", name, ("kd",))).ledger.first.images for name in ("behind", "high_loss")}
    assert images["behind"]._asdict() == {"given": 16, "scouted": 16, "learned": 12, "taught": 16}
    assert images["high_loss"]._asdict() == {"given": 16, "scouted": 16, "learned": 12, "taught": 12}


def test_a_subset_is_the_same_in_every_epoch_and_of_its_own_seed() -> None:
    first, second = seen_in(training(Case("offline", "subset", ("kd",))))
    assert len(first) == 32 and sorted(first) == sorted(second)
    assert sorted(first) == sorted(made("subset").begin(5).tolist()), "whatever the run"
    assert sorted(first) != sorted(made("subset", seed=1).begin(0).tolist())
    assert len(made("subset", share=0.01).begin(0)) == 16, "at least one batch"


def test_a_redrawn_subset_is_another_in_every_epoch_and_the_same_again() -> None:
    first, second = seen_in(training(Case("offline", "redraw", ("kd",))))
    assert len(first) == len(second) == len(set(first)) == 32
    assert set(first) != set(second)
    assert seen_in(training(Case("offline", "redraw", ("kd",)))) == [first, second]


def test_the_teacher_s_surest_images_come_first() -> None:
    run = training(Case("offline", "curriculum", ("kd",)))
    asked: dict[int, float] = {}

    def note(_: Any, given: Any, losses: Any) -> None:
        with torch.no_grad():
            values = entropy(run.method.get_submodule("teacher")(given[0].images).logits)
        for index, value in zip(given[0].index.tolist(), values.tolist(), strict=True):
            asked.setdefault(index, value)

    run.method.register_forward_hook(note)
    first, second = seen_in(run)
    assert sorted(first) == list(range(64)), "all are measured"
    assert set(second) == set(sorted(asked, key=asked.__getitem__)[:32])
    sampler: Any = run.method.sampler
    torch.testing.assert_close(sampler.entropies, torch.tensor([asked[one] for one in range(64)]))


def test_a_curriculum_grows_in_a_straight_line_and_what_is_unknown_comes_last() -> None:
    sampler = made("curriculum", epochs=8, start=0.25)
    assert sampler.begin(3) is None, "the teacher was not asked yet"
    assert [sampler.planned(epoch) for epoch in range(9)] == [64, 16, 28, 40, 52, 64, 64, 64, 64]
    answers = said(torch.eye(10)[:3] * torch.tensor([[1.0], [3.0], [2.0]]))
    sampler.answered(batch(torch.arange(3))._replace(index=torch.tensor([5, 6, 7])), answers)
    assert sampler.begin(1)[:3].tolist() == [6, 7, 5]
    sampler.answered(batch(torch.arange(1))._replace(index=torch.tensor([5])), said(torch.eye(10)[:1] * 9))
    assert sampler.begin(1)[:3].tolist() == [6, 7, 5], "measured once"


def test_stored_answers_are_measured_too() -> None:
    run = training(Case("offline", "curriculum", ("kd",)))
    sampler: Any = run.method.sampler
    logits = torch.eye(10)[:4]
    run.method.ask(batch(torch.arange(4))._replace(answers=said(logits)))
    torch.testing.assert_close(sampler.entropies[:4], entropy(logits))


def test_what_several_teachers_say_together_is_measured_too() -> None:
    run = training(Case("ensemble", "curriculum", ("kd",)))
    *_, last = train(run)
    assert run.progress.steps == {"train": 6} and last.values["train/kd"] > 0


def test_a_curriculum_without_a_teacher_is_refused() -> None:
    with pytest.raises(Mistake, match=r"^the sampler goes by the teacher's answers, and this method has no teacher"):
        trial_of(Case("supervised", "curriculum", ("ce",)))


WHOLE = Case("offline", "curriculum", ("kd",))
CHOOSING = [WHOLE, Case("offline", "subset", ("kd",)), Case("offline", "redraw", ("kd",), (("share", 0.7),)),
            Case("offline", "rho", ("kd",), (("held_out", 0.25),))]  # fmt: skip


@pytest.mark.parametrize("case", CHOOSING, ids=str)
def test_what_fewer_images_cost_is_known_before_the_run(case: Case) -> None:
    run = training(case)
    *_, last = train(run)
    steps = {"curriculum": 4 + 2, "subset": 2 + 2, "redraw": 2 + 2, "rho": 3 + 3}[case.sampler]
    assert run.progress.steps == run.ledger.planned() == {"train": steps}
    assert not run.ledger.at_most
    assert run.ledger.planned_percent() == pytest.approx(last.values["cost/percent_of_kd"])
    share = last.values["cost/total_gflops"] / run.ledger.first.conventional() / 8
    assert last.values["cost/percent_of_kd"] == pytest.approx(100 * share)


def test_what_infobatch_costs_is_known_afterwards_and_its_limit_before() -> None:
    run = training(Case("offline", "infobatch", ("kd",), (("delta", 1.0), ("prune_ratio", 0.9))))
    assert run.ledger.at_most and run.ledger.planned() == {"train": 8}
    *_, last = train(run)
    steps = run.progress.steps["train"]
    assert 4 < steps < 8
    assert last.values["cost/percent_of_kd"] == pytest.approx(100 * steps / 8)
