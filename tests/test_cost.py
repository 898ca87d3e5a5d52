from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch

import unix_exp
from unix_exp.cost.columns import Cell, cells
from unix_exp.cost.ledger import Images, Ledger, StagePlan, StepCost
from unix_exp.cost.pricing import step_cost
from unix_exp.criteria.ce import CE
from unix_exp.criteria.kd import KD
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.distillers.offline import Offline
from unix_exp.distillers.supervised import Supervised
from unix_exp.recipe import Recipe
from unix_exp.run.trial import tried
from unix_exp.types import Batch, Mistake


@pytest.fixture(scope="module")
def columns() -> list[Cell]:
    return list(cells())


def test_every_printed_percentage_is_met_within_a_quarter_point(columns: list[Cell]) -> None:
    assert len(columns) == 48
    far = [cell for cell in columns if abs(cell.counted - cell.printed) > 0.25]
    assert not far


def test_a_dearer_backward_pass_makes_unix_cheaper_beside_kd(columns: list[Cell]) -> None:
    assert all(cell.counted_backward_2 < cell.counted for cell in columns if "UNIX" in cell.row)


def made(sampler: str, **settings: object) -> Offline:
    student, teacher = (unix_exp.model(name, num_classes=10) for name in ("resnet8", "resnet14"))
    networks, kd = {"student": student, "teacher": teacher}, Weighted({"kd": KD()}, {"kd": 1.0})
    return Offline(Parts(networks, unix_exp.sampler(sampler, **settings), kd))


def priced(method: Distiller) -> StepCost:
    """A step with 16 images of 32x32, on the method itself."""
    batch = Batch(torch.zeros(16, 3, 32, 32), torch.full((16, 10), 0.1), torch.arange(16))
    cost, losses, unpriced = step_cost(method, batch, "train", 32)
    assert losses.terms and not unpriced
    return cost


@pytest.mark.parametrize(
    ("sampler", "settings", "images"),
    [
        ("unix", {"k": 10}, Images(given=16, scouted=16, learned=10, taught=10)),
        ("uncertain", {"k": 10}, Images(given=16, scouted=16, learned=10, taught=10)),
        ("nonadaptive", {}, Images(given=16, scouted=16, learned=12, taught=12)),
        ("random", {"k": 10}, Images(given=16, scouted=0, learned=10, taught=10)),
        ("random", {"k": 10, "scout_anyway": True}, Images(given=16, scouted=16, learned=10, taught=10)),
        ("mixup", {"k": 1}, Images(given=16, scouted=0, learned=1, taught=1)),
        ("everything", {}, Images(given=16, scouted=0, learned=16, taught=16)),
        ("everything", {"scout_anyway": True}, Images(given=16, scouted=16, learned=16, taught=16)),
    ],
)
def test_a_sampler_pays_for_what_its_networks_see(sampler: str, settings: dict, images: Images) -> None:
    assert priced(made(sampler, **settings)).images == images


def test_counting_leaves_no_trace() -> None:
    """Of the networks that it tries: a trial is of copies without values."""
    method = made("unix")
    settings = {
        "seed": 0, "sampler": {"name": "unix"}, "criterion": {"kd": {}}, "distiller": {"name": "offline"},
    }  # fmt: skip
    networks = {"student": method.student, "teacher": method.teacher}
    before = copy.deepcopy(method.state_dict())
    modes = [(module, module.training) for module in method.modules()]
    recipe = Recipe(epochs=1, batch=16, lr=0.1, milestones=[])
    ledger = tried(settings, networks, SimpleNamespace(classes=range(10), train_count=64, size=32), recipe).ledger
    assert ledger.first.images == Images(given=16, scouted=16, learned=12, taught=12)
    assert all(torch.equal(before[key], value) for key, value in method.state_dict().items())
    assert all(module.training == mode for module, mode in modes)
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in method.modules())


def test_the_ledger_adds_up() -> None:
    cost = StepCost.of_images(Images(given=64, scouted=64, learned=48, taught=48), student=2.0, teacher=47.0)
    parts = cost.parts(steps=3)
    assert parts["cost/total_gflops"] == 3 * (64 * 2 + 48 * 47 + 48 * 2 + 48 * 2)
    assert parts["cost/total_gflops_backward_2"] - parts["cost/total_gflops"] == 3 * 48 * 2
    assert cost.percent_of_kd() == pytest.approx(100 * (48 / 64 + 1 / (47 / 2 + 2)))  # the paper's formula


def test_without_a_teacher_there_is_no_share_of_kd() -> None:
    networks = {"student": unix_exp.model("resnet8", num_classes=10)}
    alone = Supervised(Parts(networks, unix_exp.sampler("everything"), Weighted({"ce": CE()}, {"ce": 1.0})))
    cost = priced(alone)
    assert cost.images == Images(given=16, scouted=0, learned=16, taught=0)
    assert cost.percent_of_kd() is None
    assert Ledger({"train": StagePlan(2, cost)}, 2, 4).planned_percent() is None


@pytest.mark.parametrize("k", [0, -3, 17])
def test_a_k_that_no_batch_can_give_is_found_by_counting(k: int) -> None:
    with pytest.raises(Mistake, match=f"sampler.k is {k}; choose 1 to 16, the batch size"):
        priced(made("unix", k=k))
