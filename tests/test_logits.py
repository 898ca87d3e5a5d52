"""Criteria on logits: the values of public references, and what every one of them promises, also a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from assembled import needed
from torch import Tensor, nn

from unix_exp.criteria import wsld
from unix_exp.distillers.clock import Clock
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake

GOLDEN = {
    key: torch.from_numpy(np.asarray(value))
    for key, value in np.load(Path(__file__).parent / "golden" / "logits.npz").items()
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "kd": ("kd", {"tau": 4.0}),
    "kd_tau1": ("kd", {"tau": 1.0}),
    "kd_wide": ("kd", {"tau": 4.0}),
    "dkd": ("dkd", {}),
    "dkd_wide": ("dkd", {}),
    "stddkd": ("dkd", {"tau": 2.0, "standardised": True}),
    "dist": ("dist", {}),
    "dist_tau4": ("dist", {"beta": 2.0, "gamma": 2.0, "tau": 4.0}),
    "dist_wide": ("dist", {"tau": 4.0}),
    "stdkd": ("stdkd", {}),
    "stdkd_wide": ("stdkd", {}),
    "nkd": ("nkd", {}),
    "nkd_tau2": ("nkd", {"tau": 2.0}),
    "nkd_wide": ("nkd", {}),
    "wsld": ("wsld", {}),
    "wsld_wide": ("wsld", {}),
    "mld": ("mld", {}),
    "mld_wide": ("mld", {}),
    "ctkd": ("ctkd", {"loops": 0, "lambda_min": -0.35}),
}


def facts(epoch: int = 0, shapes: Any = None) -> Facts:
    clock = Clock()
    clock.set(epoch)
    return Facts(10, 64, 16, 12, 8, {} if shapes is None else shapes, clock)


def made(name: str) -> Any:
    return criteria.make(name, needed(criteria, name), facts=facts())


class LogitsAlone:
    """An output of which nothing else may be read."""

    class Read(Exception):
        pass

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits

    @property
    def features(self) -> Any:
        raise self.Read

    embedding = stages = features


def batch(targets: Tensor) -> Batch:
    return Batch(torch.zeros(len(targets), 3, 4, 4), targets, torch.arange(len(targets)))


def drawn(seed: int, rows: int = 6, classes: int = 5, scale: float = 2.0, dtype: Any = torch.float64) -> Tensor:
    randomness = torch.Generator().manual_seed(seed)
    return scale * torch.randn(rows, classes, generator=randomness, dtype=torch.float64).to(dtype)


def mixed(rows: int = 6, classes: int = 5) -> Tensor:
    """Targets of a batch of which a half is mixed."""
    labels = torch.eye(classes, dtype=torch.float64)[torch.arange(rows) % classes]
    share = torch.linspace(0, 0.4, rows, dtype=torch.float64).sub(0.2).clamp_min(0).unsqueeze(1)
    return (1 - share) * labels + share * labels.flip(0)


def loss_of(criterion: Any, student: Tensor, teacher: Tensor, targets: Tensor) -> Tensor:
    loss: Tensor = criterion(LogitsAlone(student), LogitsAlone(teacher), batch(targets))
    return loss


def on_logits() -> list[str]:
    """The criteria that read nothing but logits, whoever wrote them."""
    found = []
    for name in criteria.names():
        everything = dict.fromkeys(("student", "teacher"), LogitsAlone(drawn(0)))
        try:
            criterion = criteria.make(name, needed(criteria, name), facts=facts(shapes=everything))
            loss_of(criterion, drawn(0), drawn(1), mixed())
        except LogitsAlone.Read:
            continue
        found.append(name)
    return found


ON_LOGITS = on_logits()
# What a new criterion promises too, unless its mathematics is another and its name stands here.
LABELS_TOO = {"ce", "mixkd", "nkd"}  # the teacher's own logits are not their minimum
NOT_ZERO = LABELS_TOO | {"wsld"}  # a minimum, not of value 0, being a cross entropy
BETWEEN_IMAGES = {"dist", "mld"}

every_one = pytest.mark.parametrize("name", ON_LOGITS)


def test_all_of_these_papers_are_covered() -> None:
    assert {name for name, _ in CASES.values()} | LABELS_TOO <= set(ON_LOGITS)


@pytest.mark.parametrize("case", CASES)
def test_a_loss_and_its_gradient_are_the_reference_s(case: str) -> None:
    name, settings = CASES[case]
    kind = "wide_" * case.endswith("_wide")
    student = GOLDEN[f"{kind}student_logits"].clone().requires_grad_()
    targets = F.one_hot(GOLDEN["labels"], 100).float()
    criterion = criteria.make(name, settings)
    loss = loss_of(criterion, student, GOLDEN[f"{kind}teacher_logits"], targets).mean()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(GOLDEN[f"{case}_loss"]), rel=1e-5)
    expected = GOLDEN[f"{case}_grad_s"]
    assert student.grad is not None
    torch.testing.assert_close(student.grad, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    for weight in criterion.parameters() if isinstance(criterion, nn.Module) else ():
        assert weight.grad is not None
        # A sum of terms that cancel: in float32 its last digits differ between processors.
        assert float(weight.grad) == pytest.approx(float(GOLDEN["ctkd_grad_raw_temperature"]), rel=1e-3)


def test_the_temperature_s_gradient_is_the_reference_s_in_float64() -> None:
    name, settings = CASES["ctkd"]
    criterion = criteria.make(name, settings).double()
    targets = F.one_hot(GOLDEN["labels"], 100).double()
    loss_of(criterion, GOLDEN["student_logits"].double(), GOLDEN["teacher_logits"].double(), targets).mean().backward()
    assert float(criterion.raw.grad) == pytest.approx(float(GOLDEN["ctkd_grad_raw_temperature"]), rel=1e-6)


@every_one
def test_the_gradient_is_that_of_the_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    criterion, student, teacher = made(name), drawn(0).requires_grad_(), drawn(1)
    held = wsld.need(*(wsld.of_labels(logits.detach(), mixed()) for logits in (student, teacher)))
    monkeypatch.setattr(wsld, "need", lambda *_: held)  # a weight without gradient, so it has to stay as it is
    assert torch.autograd.gradcheck(lambda logits: loss_of(criterion, logits, teacher, mixed()), student)


@every_one
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_hundreds_apart_have_a_finite_loss_and_gradient(name: str, dtype: torch.dtype) -> None:
    """Opposite, equal, constant: whatever the teacher says and the label is."""
    criterion = made(name)
    wide = drawn(0, scale=500.0, dtype=dtype)
    sure = 1000.0 * F.one_hot(torch.arange(6) % 5, 5).to(dtype)
    for given in (wide, sure, torch.zeros_like(wide)):
        for teacher in (wide.flip(0), given, -given, torch.zeros_like(wide)):
            student = given.clone().requires_grad_()
            loss = loss_of(criterion, student, teacher, mixed().float())
            assert loss.isfinite().all() and loss.dtype == torch.float32
            loss.sum().backward()
            assert student.grad is not None and student.grad.isfinite().all()


@every_one
def test_a_number_added_to_all_logits_of_an_image_changes_nothing(name: str) -> None:
    criterion, student, teacher, shift = made(name), drawn(0), drawn(1), drawn(2, classes=1, scale=50.0)
    loss = loss_of(criterion, student, teacher, mixed())
    for moved in ((student + shift, teacher), (student, teacher + shift)):
        torch.testing.assert_close(loss_of(criterion, *moved, mixed()), loss)


@pytest.mark.parametrize("name", sorted(set(ON_LOGITS) - LABELS_TOO))
def test_the_teachers_own_logits_are_the_minimum(name: str) -> None:
    criterion, teacher = made(name), drawn(1)
    student = teacher.clone().requires_grad_()
    loss = loss_of(criterion, student, teacher, mixed())
    if name not in NOT_ZERO:
        torch.testing.assert_close(loss, torch.zeros_like(loss), atol=1e-5, rtol=0)
        assert (loss_of(criterion, drawn(0), teacher, mixed()) > 1e-3).all()
    loss.sum().backward()
    torch.testing.assert_close(student.grad, torch.zeros_like(student), atol=1e-5, rtol=0)


@every_one
def test_a_loss_is_per_image_unless_it_compares_images(name: str) -> None:
    criterion, student, teacher, targets = made(name), drawn(0), drawn(1), mixed()
    loss = loss_of(criterion, student, teacher, targets)
    if name in BETWEEN_IMAGES:
        assert loss.dim() == 0
        return
    assert loss.shape == (6,)
    alone = [loss_of(criterion, student[[row]], teacher[[row]], targets[[row]]) for row in range(6)]
    torch.testing.assert_close(torch.cat(alone), loss)


@pytest.mark.parametrize("name", ["dkd", "nkd"])
def test_the_target_of_a_mixed_image_is_its_larger_part(name: str) -> None:
    loss = loss_of(made(name), drawn(0), drawn(1), mixed())
    labels = F.one_hot(mixed().argmax(1), 5).double()
    assert not torch.equal(labels, mixed())
    torch.testing.assert_close(loss_of(made(name), drawn(0), drawn(1), labels), loss)


def test_the_weight_of_an_image_is_the_reference_s() -> None:
    targets = F.one_hot(GOLDEN["labels"], 100).double()
    losses = (wsld.of_labels(GOLDEN[f"{who}_logits"].double(), targets) for who in ("student", "teacher"))
    torch.testing.assert_close(wsld.need(*losses), GOLDEN["wsld_sample_weight"])


def test_the_clock_warms_dkd_up() -> None:
    whole = loss_of(made("dkd"), drawn(0), drawn(1), mixed())
    for epoch, share in ((0, 0.05), (9, 0.5), (19, 1.0), (100, 1.0)):
        warm = criteria.make("dkd", {"warm_up": 20}, facts=facts(epoch))
        torch.testing.assert_close(loss_of(warm, drawn(0), drawn(1), mixed()), share * whole)


def test_the_curriculum_is_the_reference_s() -> None:
    loops = int(GOLDEN["ctkd_schedule_loops"])
    for epoch, expected in enumerate(GOLDEN["ctkd_schedule_lambda"].tolist()):
        criterion = criteria.make("ctkd", {"loops": loops}, facts=facts(epoch))
        assert float(criterion.factor()) == pytest.approx(expected, abs=1e-6)


def test_a_step_of_the_optimiser_makes_the_temperature_harder() -> None:
    criterion = criteria.make("ctkd", {"loops": 0})
    before = loss_of(criterion, drawn(0), drawn(1), mixed()).mean()
    before.backward()
    criterion.raw.data -= 0.1 * criterion.raw.grad  # as SGD does it
    assert loss_of(criterion, drawn(0), drawn(1), mixed()).mean() > before


@pytest.mark.parametrize(("name", "settings"), [("dkd", {"warm_up": 20}), ("ctkd", {})])
def test_what_counts_epochs_needs_a_clock(name: str, settings: dict[str, Any]) -> None:
    with pytest.raises(Mistake, match=r"counted in epochs; pass facts=Facts\(...\), or choose 0"):
        criteria.make(name, settings)
