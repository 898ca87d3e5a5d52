"""MIX-KD's loss, mixup and smoothed labels: the reference's values, and what the sampler promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import unix_exp
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.registry import criteria, samplers
from unix_exp.samplers import pairmix
from unix_exp.types import Batch, Mistake, Output

FOLDER = Path(__file__).parent / "golden"
STEP, METHODS = (
    {key: torch.from_numpy(np.asarray(value)) for key, value in np.load(FOLDER / name).items()}
    for name in ("step.npz", "mixkd.npz")
)


def output(logits: Tensor) -> Output:
    return Output(logits, (logits,), logits)


def batch(targets: Tensor, images: Tensor | None = None) -> Batch:
    count = len(targets)
    return Batch(torch.zeros(count, 3, 4, 4) if images is None else images, targets, torch.arange(count))


def distribution(rows: int, classes: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed), dtype=dtype).softmax(dim=1)


def numbered(size: int = 64) -> Batch:
    """Images whose every pixel is their number, and labels one-hot by number."""
    images = torch.arange(float(size))[:, None, None, None].expand(size, 3, 2, 2)
    return Batch(images, torch.eye(size), 1000 + torch.arange(size))


def drawn(seed: int = 0, size: int = 64, **settings: Any) -> Batch:
    torch.manual_seed(seed)
    made: Batch = samplers.make("pairmix", settings)(numbered(size), never)
    return made


def never(*_: Any, **__: Any) -> Output:
    raise AssertionError("this sampler never scouts")


def partners(mixed: Batch) -> Tensor:
    """How many images have a part in each row, by its label."""
    return (mixed.targets > 0).sum(dim=1)


def test_the_loss_is_the_reference_s() -> None:
    student, teacher, given = (STEP[f"mixstd_{name}"] for name in ("student_logits", "teacher_logits", "targets"))
    for gamma, alpha, expected in (
        (0.1, 0.0, STEP["mixstd_cls"]), (0.0, 0.9, STEP["mixstd_div"]),
        (0.1, 0.9, STEP["mixstd_cls"] + STEP["mixstd_div"]),
    ):  # fmt: skip
        loss = criteria.make("mixkd", {"gamma": gamma, "alpha": alpha})(output(student), output(teacher), batch(given))
        assert loss.shape == (16,)
        torch.testing.assert_close(loss.mean(), expected, atol=0, rtol=1e-5)


def test_its_gradient_is_that_of_the_equation_in_float64() -> None:
    student, teacher, given = (STEP[f"mixstd_{name}"] for name in ("student_logits", "teacher_logits", "targets"))
    ours, theirs = student.clone().requires_grad_(), student.double().requires_grad_()
    unix_exp.criterion("mixkd")(output(ours), output(teacher), batch(given)).backward()
    z, t = theirs / theirs.std(1, keepdim=True), teacher.double() / teacher.double().std(1, keepdim=True)
    loss = 0.1 * F.cross_entropy(z, given.double()) + 0.9 * F.kl_div(
        z.log_softmax(1), t.softmax(1), reduction="batchmean"
    )
    loss.backward()
    torch.testing.assert_close(ours.grad.double(), theirs.grad, atol=1e-4 * float(theirs.grad.abs().max()), rtol=0)


@pytest.mark.parametrize(("name", "settings"), [("mixkd", {}), ("ce", {"smoothing": 0.1})])
def test_a_loss_has_the_gradient_of_its_values(name: str, settings: dict[str, Any]) -> None:
    student = torch.randn(4, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    teacher, given = torch.randn(4, 7, dtype=torch.float64), distribution(4, 7, dtype=torch.float64)
    criterion = criteria.make(name, settings)
    assert torch.autograd.gradcheck(lambda z: criterion(output(z), output(teacher), batch(given)), (student,))


def test_logits_that_are_all_alike_give_finite_losses_and_gradients() -> None:
    student = torch.zeros(2, 5, requires_grad=True)
    loss = unix_exp.criterion("mixkd")(output(student), output(torch.ones(2, 5)), batch(distribution(2, 5)))
    loss.backward()
    assert loss.isfinite() and student.grad.isfinite().all()


@pytest.mark.parametrize("case", ["smooth_ce", "smooth_ce_wide"])
def test_smoothed_labels_are_the_reference_s(case: str) -> None:
    student = METHODS["wide_student_logits" if "wide" in case else "student_logits"].clone().requires_grad_()
    given = F.one_hot(METHODS["labels"], 100).float()
    loss = unix_exp.criterion("ce", smoothing=float(METHODS[f"{case}_epsilon"]))(output(student), None, batch(given))
    loss.backward()
    torch.testing.assert_close(loss.double(), METHODS[f"{case}_loss"], atol=0, rtol=1e-5)
    expected = METHODS[f"{case}_grad_s"]
    torch.testing.assert_close(student.grad, expected, atol=1e-4 * float(expected.abs().max()), rtol=0)


def test_the_loss_of_mixed_labels_is_the_reference_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sampler's own mix: lambda is the share of the pair's first image."""
    orders = iter([torch.arange(16), METHODS["mixup_permutation"]])
    monkeypatch.setattr(pairmix, "shuffled", lambda batch: next(orders))
    monkeypatch.setattr(pairmix, "betas", lambda *_: 1 - METHODS["mixup_lambda"])
    mixed = samplers.make("pairmix", {})(batch(F.one_hot(METHODS["labels"], 100).float()), never)
    student = METHODS["student_logits"].clone().requires_grad_()
    loss = unix_exp.criterion("ce")(output(student), None, mixed)
    loss.backward()
    torch.testing.assert_close(loss.double(), METHODS["mixup_ce_loss"], atol=0, rtol=1e-5)
    expected = METHODS["mixup_ce_grad_s"]
    torch.testing.assert_close(student.grad, expected, atol=1e-4 * float(expected.abs().max()), rtol=0)


def test_smoothing_of_nothing_changes_no_bit() -> None:
    student, given = torch.randn(6, 10), distribution(6, 10)
    plain = F.cross_entropy(student, given, reduction="none")
    assert torch.equal(criteria.make("ce", {})(output(student), None, batch(given)), plain)
    assert torch.equal(criteria.make("ce", {"smoothing": 0.0})(output(student), None, batch(given)), plain)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.1, 6), (0.5, 32), (1.0, 64)])
def test_exactly_the_share_is_mixed(share: float, count: int) -> None:
    for seed in range(20):
        mixed = drawn(seed, share=share)
        first_alone = (mixed.images[:, 0, 0, 0] == (mixed.index - 1000)).sum()
        alike = count - int((partners(mixed)[:count] == 2).sum())  # an image may be its own partner
        assert int((partners(mixed) == 2).sum()) == count - alike and alike <= 6
        assert first_alone == 64 - count + alike


def test_with_replacement_leaves_what_the_reference_leaves() -> None:
    """57 draws of 64 leave (63 / 64)^57 = 40.8 % mixed, where a tenth was asked for."""
    sampler = pairmix.Pairmix(share=0.1, with_replacement=True)
    torch.manual_seed(0)
    shares = torch.stack([sampler.mixed(64, torch.device("cpu")).mean() for _ in range(2000)])
    assert float(shares.mean()) == pytest.approx((63 / 64) ** 57, abs=0.005)
    assert float((63 / 64) ** 57) == pytest.approx(0.408, abs=0.0005)


def test_images_and_labels_are_mixed_alike_and_each_image_is_first_once() -> None:
    mixed = drawn(3)
    assert sorted(mixed.index.tolist()) == list(range(1000, 1064))
    torch.testing.assert_close(mixed.images[:, 0, 0, 0], mixed.targets @ torch.arange(64.0))
    torch.testing.assert_close(mixed.targets.sum(dim=1), torch.ones(64))
    shares = mixed.targets[partners(mixed) == 2].amax(dim=1)
    assert len(shares.unique()) > 50, "a lambda for each pair"


def test_a_smaller_alpha_mixes_less() -> None:
    largest = [torch.cat([drawn(seed, alpha=alpha).targets.amax(1) for seed in range(20)]).mean() for alpha in (0.2, 1)]
    assert float(largest[1]) == pytest.approx(0.75, abs=0.02)
    assert largest[0] > 0.85


class Remembering(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 64)
        self.seen: list[Tensor] = []

    def forward(self, images: Tensor) -> Output:
        self.seen.append(images)
        return output(self.layer(images.flatten(1)))


def test_teacher_and_student_see_the_same_mix() -> None:
    networks = {"student": Remembering(), "teacher": Remembering()}
    objective = Weighted({"mixkd": criteria.make("mixkd", {})}, {"mixkd": 1.0})
    method = Offline(Parts(networks, samplers.make("pairmix", {}), objective))
    method(numbered())
    (seen,), (shown,) = (networks[role].seen for role in ("student", "teacher"))
    assert torch.equal(seen, shown) and not torch.equal(seen, numbered().images)


@pytest.mark.parametrize(
    ("registry", "name", "settings", "what"),
    [
        (samplers, "pairmix", {"share": 1.5}, "sampler.share is 1.5; choose a number from 0 to 1"),
        (samplers, "pairmix", {"alpha": 0.0}, "sampler.alpha is 0.0"),
        (criteria, "mixkd", {"gamma": -1.0}, "criterion.gamma is -1.0"),
        (criteria, "ce", {"smoothing": 1.0}, "criterion.smoothing is 1.0; choose a number from 0 on, below 1"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(registry: Any, name: str, settings: Any, what: str) -> None:
    with pytest.raises(Mistake, match=f"^{what}"):
        registry.make(name, settings)
