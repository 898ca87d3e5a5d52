"""A teacher that stops after a stage: nothing later is computed, its layer is fitted once, both are in the ledger."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from common import SIDE, Command
from families import smallest_of_each_file
from safetensors.torch import load_file
from test_frozen import worn
from torch import Tensor, nn

import unix_exp
from unix_exp.cost.network import gflops, gflops_as_trained
from unix_exp.engine.fitting import fit
from unix_exp.engine.folding import frozen
from unix_exp.models.early import EarlyExit
from unix_exp.models.own_input import Normalised, see_as_trained
from unix_exp.models.parts import Network
from unix_exp.models.smaller import see_smaller
from unix_exp.registry import models
from unix_exp.report import cheaper
from unix_exp.report.arms import groups
from unix_exp.report.blocks import Heading
from unix_exp.report.runs import read
from unix_exp.report.tables import signed
from unix_exp.types import Mistake, Output

FOREIGN = {"torchvision": {"arch": "resnet18"}, "timm": {"arch": "resnet18"}}


def built(name: str) -> nn.Module:
    network: nn.Module = worn(unix_exp.model(name, num_classes=10, **FOREIGN.get(name, {}))).eval()
    return network


def exits(network: nn.Module, size: int = 32) -> list[EarlyExit]:
    stages = len(network(torch.zeros(1, 3, size, size)).stages)
    return [EarlyExit(network, stage, size, "teacher") for stage in range(1, stages)]


@torch.no_grad()
@pytest.mark.parametrize("name", smallest_of_each_file(models.names()))
def test_every_network_stops_after_each_of_its_stages(name: str) -> None:
    network, images = built(name), torch.randn(2, 3, 32, 32)
    whole = network(images)
    costs = []
    for early in exits(network):
        answer = early(images)
        assert len(answer.stages) == early.stage and answer.logits.shape == whole.logits.shape
        for one, other in zip(answer.features[:-1], whole.features, strict=False):
            assert torch.equal(one, other)
        assert torch.equal(early.classify(answer.embedding), answer.logits)
        costs.append(gflops(early, 32))
    assert costs and costs == sorted(set(costs)) and costs[-1] < gflops(network, 32)
    again = network(images)
    assert torch.equal(again.logits, whole.logits) and len(again.features) == len(whole.features)


@torch.no_grad()
def test_the_fit_is_the_best_layer_for_the_networks_own_answers() -> None:
    network = built("resnet8")
    built_whole = copy.deepcopy(network)
    see_smaller(network, 0.75)
    early = EarlyExit(network, 2, 32, "teacher")
    batches = [torch.randn(64, 3, 32, 32) for _ in range(10)]
    fit(early, iter(batches))
    small = [torch.nn.functional.interpolate(one, (24, 24), mode="bilinear") for one in batches]
    aims = torch.cat([built_whole(one).logits for one in small]).double()
    said = [early(one) for one in batches]
    errors = torch.cat([one.logits for one in said]).double() - aims
    read = torch.cat([one.embedding for one in said]).double()
    # Of a layer with the least squared error, the errors are zero in sum, and with every value that it reads.
    assert errors.mean(0).abs().max() < 1e-4 * aims.std()
    assert (read.T @ errors).abs().max() < 1e-4 * (read.T @ aims).abs().max()
    assert errors.square().mean() < 0.8 * (aims - aims.mean(0)).square().mean()


@torch.no_grad()
def test_frozen_and_folded_it_says_the_same() -> None:
    early = EarlyExit(built("resnet8"), 1, 32, "teacher")
    images = torch.randn(4, 3, 32, 32)
    fit(early, iter([torch.randn(64, 3, 32, 32)]))
    cheap = frozen(early, "float32", 32)
    assert sum(isinstance(one, nn.BatchNorm2d) for one in cheap.modules()) < sum(
        isinstance(one, nn.BatchNorm2d) for one in early.modules()
    )
    torch.testing.assert_close(cheap(images).logits, early(images).logits, rtol=1e-3, atol=1e-4)


def test_nothing_random_is_drawn_and_wide_maps_are_averaged_further() -> None:
    network, before = built("resnet50"), torch.get_rng_state()
    sides = {early.stage: early.side for early in exits(network)}
    assert torch.equal(before, torch.get_rng_state())
    assert sides == {1: 2, 2: 2, 3: 1}, "256, 512 and 1024 maps; at most 2048 values are read"


class Whole(nn.Module):
    """A network of someone's own that cannot stop."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 10, 3)

    def forward(self, images: Tensor) -> Output:
        maps = self.layer(images)
        logits = maps.mean((2, 3))
        return Output(logits, (maps, maps, maps, logits), logits)


@torch.no_grad()
@pytest.mark.parametrize("name", ["resnet8", "torchvision"])
def test_an_exit_sees_images_as_its_network_wants_them(name: str) -> None:
    network = built(name)
    see_as_trained(network, Normalised((0.1, 0.2, 0.3), (0.5, 0.6, 0.7)), Normalised((0.5,) * 3, (0.5,) * 3))
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(EarlyExit(network, 1, 32, "teacher")(images).stages[0], network(images).stages[0])


def test_a_network_of_one_size_alone_is_refused() -> None:
    network = unix_exp.model("torchvision", num_classes=10, arch="resnet18", taps=["layer4"])
    with pytest.raises(Mistake, match=r"teacher\.exit needs a network with feature maps of several stages"):
        EarlyExit(network, 1, 32, "teacher")


class Unstoppable(Network):
    """Of the kind that could stop, with a forward pass of its own that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 10, 3)

    forward = Whole.forward


@pytest.mark.parametrize("kind", [Whole, Unstoppable])
def test_a_network_that_cannot_stop_is_refused(kind: type[nn.Module]) -> None:
    with pytest.raises(Mistake, match=rf"can stop after a stage, and this one, a {kind.__name__}, cannot"):
        EarlyExit(kind(), 1, 8, "teacher")


def results() -> dict[str, Any]:
    return {path.parent.name: json.loads(path.read_text()) for path in Path("runs").glob("*/result.json")}


@pytest.mark.usefixtures("finished")
def test_a_run_asks_after_a_stage_and_is_charged_for_the_fit(tiny: Command) -> None:
    ((before, plain),) = results().items()
    said = tiny("teacher.exit=1")
    assert said.code == 0, said.err
    assert "training it first" not in said.out, "the teacher is trained whole, once for all"
    (early,) = (one for name, one in results().items() if name != before)
    assert early["teacher"]["top1"] == plain["teacher"]["top1"] and 0 <= early["teacher"]["asked"]["top1"] <= 100
    costs, whole = early["cost"], plain["cost"]["gflops_per_image"]["teacher"]
    network = unix_exp.model("resnet8", num_classes=24)
    assert costs["gflops_per_image"]["teacher"] == gflops(EarlyExit(network, 1, SIDE, "teacher"), SIDE) < whole
    # 48 images, 16 channels of 4 x 4 and a one, 24 classes.
    values = 1 + 16 * 4 * 4
    by_hand = 48 * (whole + values * (values + 24) / 1e9) + values * values * (values / 3 + 24) / 1e9
    assert costs["gflops"]["beforehand_gflops"] == pytest.approx(by_hand)
    spared = plain["cost"]["gflops"]["teacher_gflops"] - costs["gflops"]["teacher_gflops"] - by_hand
    kd = plain["cost"]["gflops"]["total_gflops"] / plain["cost"]["percent_of_kd"]
    assert plain["cost"]["percent_of_kd"] - costs["percent_of_kd"] == pytest.approx(spared / kd)
    (section,) = cheaper.sections(groups(read([Path("runs")])[0]))
    first, second = (row for row in section.blocks[0].rows if not isinstance(row, Heading))
    assert first[1] == "all" and second[1] == "1", "whole and early in one table"
    assert second[3] == f"{early['teacher']['asked']['top1']:.2f}" and second[6] == f"{costs['percent_of_kd']:.2f}"
    assert second[5] == signed(early["last"]["top1"] - plain["last"]["top1"])


@pytest.mark.usefixtures("finished")
def test_a_fit_is_remembered_and_made_again_where_it_is_damaged(tiny: Command) -> None:
    assert tiny("teacher.exit=1").code == 0
    (file,) = Path("teachers/.exits").glob("*.safetensors")
    before = {name: values.clone() for name, values in load_file(file).items()}
    assert before["weight"].shape == (24, 256) and before["weight"].abs().max() > 0
    stamp = file.stat().st_mtime_ns
    assert tiny("teacher.exit=1", "seed=1").code == 0
    assert file.stat().st_mtime_ns == stamp
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert tiny("teacher.exit=1", "seed=2").code == 0
    after = load_file(file)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.usefixtures("taught")
def test_stored_answers_of_an_exit_are_its_own(tiny: Command) -> None:
    for words in ((), ("teacher.exit=1",), ("teacher.exit=2",)):
        assert tiny("experiment=kd_stored", "answers.views=1", *words).code == 0
    logits = [path.read_bytes() for path in Path("answers").glob("*/*logits*.npy")]
    assert len(logits) == len(set(logits)) == 3


def test_what_cannot_be_asked_early_is_refused_in_a_line(tiny: Command) -> None:
    def refused(*words: str) -> str:
        said = tiny(*words)
        assert said.code == 2 and len(said.err.strip().splitlines()) == 1
        return said.err

    assert "teacher.exit is 3, but its network has 3 stages" in refused("teacher.exit=3")
    assert "teacher.exit is 0; choose 1 or more" in refused("teacher.exit=0")
    assert "student.exit is no setting of a student" in refused("+student.exit=1")
    assert "leave teacher.exit out" in refused("criterion=simkd", "teacher.exit=1")
    assert "(teacher.exit=1: it shows no later stage)" in refused("criterion=fitnet", "teacher.exit=1")
    average = refused("teacher.checkpoint=average", "teacher.exit=1")
    assert "teacher.exit is for a network that training does not change" in average


def test_kd_is_priced_with_the_whole_teacher() -> None:
    network = unix_exp.model("resnet8", num_classes=10)
    whole = gflops(network, 32)
    see_smaller(network, 0.5)
    early = EarlyExit(network, 1, 32, "teacher")
    assert gflops_as_trained(early, 32) == whole > gflops(network, 32) > gflops(early, 32)
