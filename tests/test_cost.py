from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

import unix_exp
from unix_exp.cost import Images, StepCost, count, price
from unix_exp.cost.columns import Cell, cells
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.offline import Offline
from unix_exp.distillers.supervised import Supervised
from unix_exp.types import Mistake

GOLDEN = json.loads((Path(__file__).parent / "golden/models.json").read_text())


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
    return Offline(
        student, teacher, unix_exp.sampler(sampler, **settings), Weighted({"kd": unix_exp.criterion("kd")}, {"kd": 1.0})
    )


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
    assert count(made(sampler, **settings), 16, 10, 32) == images


def test_counting_leaves_no_trace() -> None:
    distiller = made("unix")
    before = copy.deepcopy(distiller.state_dict())
    chance = torch.get_rng_state()
    price(distiller, 16, 10, 32)
    assert all(torch.equal(before[key], value) for key, value in distiller.state_dict().items())
    assert torch.equal(chance, torch.get_rng_state())
    assert distiller.student.training
    assert not distiller.student._forward_pre_hooks


def test_the_ledger_adds_up() -> None:
    cost = StepCost(Images(given=64, scouted=64, learned=48, taught=48), student=2.0, teacher=47.0)
    parts = cost.parts(steps=3)
    assert parts["cost/total_gflops"] == 3 * (64 * 2 + 48 * 47 + 48 * 2 + 48 * 2)
    assert parts["cost/total_gflops_backward_2"] - parts["cost/total_gflops"] == 3 * 48 * 2
    assert cost.percent_of_kd() == pytest.approx(100 * (48 / 64 + 1 / (47 / 2 + 2)))  # the paper's formula


def test_without_a_teacher_there_is_no_share_of_kd() -> None:
    student = unix_exp.model("resnet8", num_classes=10)
    alone = Supervised(student, unix_exp.sampler("everything"), Weighted({"ce": unix_exp.criterion("ce")}, {"ce": 1.0}))
    cost = price(alone, 16, 10, 32)
    assert cost.images == Images(given=16, scouted=0, learned=16, taught=0)
    assert cost.percent_of_kd() is None


@pytest.mark.parametrize("k", [0, -3, 17])
def test_a_k_that_no_batch_can_give_is_found_by_counting(k: int) -> None:
    with pytest.raises(Mistake, match=f"sampler.k is {k}; choose 1 to 16, the batch size"):
        count(made("unix", k=k), 16, 10, 32)
