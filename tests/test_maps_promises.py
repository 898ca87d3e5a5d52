"""What every criterion on feature maps promises, and what each refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from mapped import batch, made, output
from torch import Tensor, nn

from unix_exp.criteria.fitnet import FitNet
from unix_exp.criteria.nst import among_positions, discrepancy, kernel
from unix_exp.distillers.clock import Clock
from unix_exp.registry import criteria
from unix_exp.types import Facts, Mistake, Output

# What every one promises, on two small stages of which the student's are narrower, and as large or larger.
ALL = ["at", "fitnet", "vid", "nst", "fsp", "reviewkd", "srrl"]
every_one = pytest.mark.parametrize("name", ALL)


def drawn(seed: int, width: int, sides: tuple[int, ...] = (4, 2), scale: float = 1.0, rows: int = 3) -> list[Tensor]:
    randomness = torch.Generator().manual_seed(seed)
    shapes = [(rows, width + number, side, side) for number, side in enumerate(sides)]
    return [scale * torch.randn(shape, generator=randomness, dtype=torch.float64) for shape in shapes]


def pair(dtype: torch.dtype = torch.float64, scale: float = 1.0) -> tuple[list[Tensor], Output]:
    ours, theirs = ([maps.to(dtype) for maps in drawn(seed, width, scale=scale)] for seed, width in ((0, 2), (1, 3)))
    return ours, output(*theirs)


@every_one
def test_the_gradient_is_that_of_the_value(name: str) -> None:
    ours, teacher = pair()
    criterion = made(name, output(*ours), teacher)
    criterion = criterion.double() if isinstance(criterion, nn.Module) else criterion
    assert torch.autograd.gradcheck(
        lambda *maps: criterion(output(*maps), teacher, batch(3)), [maps.requires_grad_() for maps in ours], atol=1e-4
    )


@every_one
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maps_hundreds_apart_have_a_finite_loss_and_gradient(name: str, dtype: torch.dtype) -> None:
    """Opposite, constant, zero as behind a dead ReLU, tiny: whatever the two networks say."""
    (far, _), (near, teacher) = pair(dtype, scale=500.0), pair(dtype)
    for given in (far, [maps.zero_() for maps in near], [1e-20 * maps for maps in far]):
        for answer in (teacher, output(*(maps.relu() for maps in drawn(2, 3, scale=-800.0))), output(*zeros(3))):
            ours = [maps.clone().requires_grad_() for maps in given]
            criterion = made(name, output(*ours), answer)
            loss = criterion(output(*ours), output(*(maps.to(dtype) for maps in answer.stages)), batch(3))
            assert loss.dtype == torch.float32 and loss.isfinite().all() and loss.shape == (3,)
            loss.sum().backward()
            gradients = [maps.grad for maps in ours if maps.grad is not None]  # one may read a single stage
            assert gradients and all(gradient.isfinite().all() for gradient in gradients)


def zeros(width: int) -> list[Tensor]:
    return [torch.zeros_like(maps) for maps in drawn(0, width)]


@every_one
def test_the_loss_of_one_image_is_its_own(name: str) -> None:
    ours, teacher = pair()
    criterion = made(name, output(*ours), teacher)
    if isinstance(criterion, nn.Module):
        criterion = criterion.double().eval()  # a batch norm of a head compares images while it learns
    together = criterion(output(*ours), teacher, batch(3))
    alone = [
        criterion(output(*(maps[[row]] for maps in ours)), output(*(maps[[row]] for maps in teacher.stages)), batch(1))
        for row in range(3)
    ]
    torch.testing.assert_close(torch.cat(alone), together)


@pytest.mark.parametrize("name", ["at", "nst", "fsp"])
def test_the_teacher_s_own_maps_have_no_loss(name: str) -> None:
    _, teacher = pair()
    loss = made(name, teacher, teacher)(teacher, teacher, batch(3))
    torch.testing.assert_close(loss, torch.zeros_like(loss), atol=1e-12, rtol=0)


@every_one
def test_stages_that_do_not_match_are_refused_in_one_line(name: str) -> None:
    _, teacher = pair()
    three = output(*drawn(0, 2, (4, 2, 1)))
    flat = Output(teacher.logits, (teacher.embedding,) * 4, teacher.embedding)
    none = Output(teacher.logits, (teacher.embedding,), teacher.embedding)
    for student in ([three] if name not in ("fitnet", "srrl") else []) + [flat, none]:
        with pytest.raises(Mistake, match=rf"^criterion[. '].*{name}.*; (choose|tap|set)[^\n]*$"):
            made(name, student, teacher)(student, teacher, batch(3))


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("at", "nst")])
def test_a_criterion_with_layers_of_its_own_needs_a_teacher(name: str) -> None:
    facts = Facts(5, 64, 16, 12, 8, {"student": output(*drawn(0, 2))}, Clock())
    with pytest.raises(Mistake, match="this method has none; choose criterion=ce"):
        criteria.make(name, {}, facts=facts)


def test_nst_is_the_same_number_by_channels_and_by_positions() -> None:
    for width, other, positions in ((7, 9, 4), (2, 3, 16)):
        ours, theirs = (torch.randn(2, some, positions, 1, dtype=torch.float64) for some in (width, other))
        units = [torch.nn.functional.normalize(maps.flatten(2), dim=2) for maps in (ours, theirs)]
        by_channels = kernel(units[0], units[0]) + kernel(units[1], units[1]) - 2 * kernel(*units)
        by_positions = (among_positions(units[0]) - among_positions(units[1])).square().sum(dim=(1, 2))
        torch.testing.assert_close(by_channels, by_positions)
        torch.testing.assert_close(discrepancy(ours, theirs), by_positions)


@pytest.mark.parametrize(
    ("side", "wanted", "kernel_size"), [(8, 8, (1, 1)), (8, 4, (3, 3)), (4, 8, (4, 4)), (7, 5, (3, 3))]
)
def test_fitnet_s_regressor_gives_maps_of_the_teacher_s_size(
    side: int, wanted: int, kernel_size: tuple[int, int]
) -> None:
    student, teacher = output(torch.randn(2, 3, side, side)), output(torch.randn(2, 5, wanted, wanted))
    criterion = made("fitnet", student, teacher, stage=1)
    assert isinstance(criterion, FitNet) and isinstance(criterion.regressor, nn.Sequential)
    assert criterion.regressor[0].kernel_size == kernel_size
    assert criterion(student, teacher, batch(2)).shape == (2,)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"stage": 3}, r"^criterion.fitnet.stage is 3, but the student shows 2; choose less$"),
        ({"regressor": False}, r"^criterion.fitnet.regressor is false, but the maps differ: .*; choose true$"),
    ],
)
def test_what_fitnet_cannot_compare_is_refused(settings: dict[str, Any], said: str) -> None:
    ours, teacher = pair()
    with pytest.raises(Mistake, match=said):
        made("fitnet", output(*ours), teacher, **settings)
    with pytest.raises(Mistake, match="can double the student's maps, but they are 2 wide and the teacher's 8"):
        made("fitnet", output(torch.zeros(2, 3, 2, 2)), output(torch.zeros(2, 3, 8, 8)), stage=1)


def test_vid_learns_how_well_it_predicts_a_channel() -> None:
    ours, teacher = pair(torch.float32)
    criterion = made("vid", output(*ours), teacher, init_pred_var=2.0)
    variance = torch.nn.functional.softplus(criterion.log_scales[0]) + criterion.eps
    torch.testing.assert_close(variance, torch.full_like(variance, 2.0))
    assert {name for name, _ in criterion.named_parameters()} >= {"log_scales.0", "log_scales.1"}
    optimiser = torch.optim.SGD(criterion.parameters(), lr=0.1)
    before = copy.deepcopy(criterion.state_dict())
    criterion(output(*ours), teacher, batch(3)).mean().backward()
    optimiser.step()
    assert all(not torch.equal(value, before[key]) for key, value in criterion.state_dict().items())


def test_the_clock_warms_reviewkd_up() -> None:
    ours, teacher = pair(torch.float32)
    whole = made("reviewkd", output(*ours), teacher)(output(*ours), teacher, batch(3))
    for epoch, share in ((0, 0.05), (9, 0.5), (19, 1.0), (100, 1.0)):
        warm = made("reviewkd", output(*ours), teacher, epoch=epoch, warm_up=20)
        torch.testing.assert_close(warm(output(*ours), teacher, batch(3)), share * whole)


def test_reviewkd_refuses_a_batch_of_one_image() -> None:
    student, teacher = output(*drawn(0, 2, rows=1)), output(*drawn(1, 3, rows=1))
    with pytest.raises(Mistake, match="which is of one image; choose a larger one"):
        made("reviewkd", student, teacher)(student, teacher, batch(1))
