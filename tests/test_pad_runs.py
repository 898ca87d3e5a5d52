"""PAD as a run: two stages, and a head that is trained, counted and continued, and is no part of the student."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from assembled import RECIPE, Noise, Tiny, settings_of
from assembled import Case as Chosen
from common import SIDE, Command, only
from own import check_that_it_resumes, trained, trial
from PIL import Image
from torch import Tensor

import unix_exp
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Distiller
from unix_exp.recipe import Recipe
from unix_exp.run.assemble import Shapes, assemble, facts_of
from unix_exp.run.checkpoint import read_state
from unix_exp.run.pictures import GAP
from unix_exp.types import Batch, Mistake, Stage

PAD = ("experiment=pad", "recipe.epochs=2", "distiller.epochs=2")


def method(width: int = 4, sampler: str = "everything", **chosen: Any) -> Distiller:
    """PAD beside cross entropy, its teacher's embedding 12 wide and its student's twice `width`."""
    settings = settings_of(Chosen("pad", sampler, ("ce",)))
    settings["distiller"] |= chosen
    torch.manual_seed(0)
    networks = {"student": Tiny(width), "teacher": Tiny(6)}
    shadows = {role: copy.deepcopy(network).to("meta") for role, network in networks.items()}
    shapes = Shapes(shadows, RECIPE.batch, Noise.size)
    return assemble(settings, networks, facts_of(Noise(), RECIPE.batch, RECIPE.epochs, shapes, Clock()))


def batch(weight: Tensor | None = None) -> Batch:
    data = Noise()
    data.load("cpu")
    return next(iter(data.train_batches(RECIPE.batch, seed=3)))._replace(weight=weight)


def terms(made: Distiller, given: Batch, stage: str) -> dict[str, float]:
    """Of a copy, so that the statistics of batch norm stay what they were."""
    return {name: term.item() for name, term in copy.deepcopy(made)(given, stage).terms.items()}


def test_it_is_the_recipe_and_then_a_third_of_its_epochs_at_a_hundredth_of_its_rate() -> None:
    recipe = Recipe(epochs=8, batch=16, lr=0.05, milestones=[0.5], schedule="cosine", warmup_epochs=1)
    first, second = method().stages(recipe)
    assert first == Stage("warm up", recipe)
    assert [second.recipe.lr_at(epoch) for epoch in range(second.recipe.epochs)] == [0.0005] * 3
    second = method(epochs=5, lr=0.01).stages(recipe)[1]
    assert [second.recipe.lr_at(epoch) for epoch in range(second.recipe.epochs)] == [0.01] * 5
    assert method().stages(recipe.but(epochs=1, warmup_epochs=0))[1].recipe.epochs == 1


def test_warming_up_is_plain_l2_and_then_each_image_is_weighted() -> None:
    made, given = method(beta=3.0), batch()
    student, teacher = copy.deepcopy(made).student(given.images), made.teacher(given.images)
    apart = made.adapter(student.embedding) - teacher.embedding
    assert terms(made, given, "warm up")["pad_l2"] == pytest.approx(3.0 * apart.square().mean().item(), rel=1e-5)
    weighted = copy.deepcopy(made)(given, "weighted")
    wanted = made.weighting(made.adapter(student.embedding), teacher.embedding)
    assert weighted.terms["pad"].item() == pytest.approx(wanted.loss.mean().item(), rel=1e-5)
    assert torch.allclose(weighted.per_image["pad_weight"], wanted.weight)
    assert weighted.terms.keys() == {"ce", "pad"}
    assert torch.equal(weighted.index, given.index)


def test_only_embeddings_of_different_widths_are_adapted() -> None:
    assert isinstance(method(width=6).adapter, torch.nn.Identity)
    assert method(width=4).adapter.weight.shape == (12, 8)


def test_l2_is_the_same_loss_in_both_stages() -> None:
    made, given = method(weighting="none"), batch()
    first, second = (terms(made, given, stage) for stage in ("warm up", "weighted"))
    assert first["pad_l2"] == pytest.approx(second["pad"])


@pytest.mark.parametrize("stage", ["warm up", "weighted"])
@pytest.mark.parametrize("weighting", ["learned", "none", "ohem"])
def test_a_sampler_s_weights_count(stage: str, weighting: str) -> None:
    made, half = method(weighting=weighting), (torch.arange(RECIPE.batch) < 8).float()
    whole, one, other = (terms(made, batch(weight), stage) for weight in (None, half, 1 - half))
    for name in whole:
        assert one[name] + other[name] == pytest.approx(whole[name], rel=1e-5), name
        assert one[name] != pytest.approx(other[name], rel=1e-5), name


@pytest.mark.parametrize("weighting", ["learned", "uniform", "ohem", "focal", "inverse_focal"])
def test_every_weighting_learns_from_the_images_that_unix_keeps(weighting: str) -> None:
    made = method(sampler="unix", weighting=weighting)
    losses = made(batch(), "weighted")
    assert len(losses.index) == 12  # the sampler's three quarters of 16
    sum(losses.terms.values()).backward()
    gradients = {name: weight.grad for name, weight in made.named_parameters() if weight.requires_grad}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values()), gradients.keys()


@pytest.mark.parametrize("weighting", ["uniform", "none", "ohem", "focal", "inverse_focal"])
def test_every_control_compiles_as_one_graph(weighting: str) -> None:
    made = method(weighting=weighting)
    torch._dynamo.reset()
    compiled = torch.compile(copy.deepcopy(made), fullgraph=True, backend="eager")(batch(), "weighted")
    assert {name: term.item() for name, term in compiled.terms.items()} == terms(made, batch(), "weighted")


def test_the_head_s_matrix_products_are_counted_once_it_is_used() -> None:
    networks = {"student": Tiny(4), "teacher": Tiny(6)}
    found = trial(networks, distiller="pad", criterion={"ce": {}}).ledger.stages
    adapter, head, norm = 16 * 8 * 12, 16 * 12 * 12, 2 * 16 * 12
    assert found["warm up"].step.other == pytest.approx(adapter / 1e9)
    assert found["weighted"].step.other == pytest.approx((adapter + head + norm) / 1e9)
    assert found["weighted"].step.backward == pytest.approx(found["warm up"].step.backward + (head + norm) / 1e9)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"beta": -1.0}, "distiller.beta is -1"),
        ({"gamma": -1.0}, "distiller.gamma is -1"),
        ({"weighting": "ohem", "keep": 0.0}, "distiller.keep is 0"),
        ({"epochs": 0}, "distiller.epochs is 0"),
        ({"lr": 0.0}, "distiller.lr is 0"),
        ({"weighting": "mine"}, "distiller.weighting is 'mine'"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Mistake, match=complaint):
        trial({"student": Tiny(4), "teacher": Tiny(6)}, distiller={"name": "pad", **settings}, criterion={"ce": {}})


def test_one_image_has_no_variance_to_compare() -> None:
    with pytest.raises(Mistake, match="two or more"):
        trial(distiller="pad", sampler={"name": "random", "k": 1})


@pytest.mark.usefixtures("taught")
def test_resuming_in_either_stage_or_between_them_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_that_it_resumes(*PAD, after=(1, 2, 3))


@pytest.mark.usefixtures("taught")
def test_a_finished_run_holds_the_student_alone_and_the_weight_of_every_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    records = trained(*PAD)
    folder = only(Path("runs"))
    assert (
        read_state(folder / "student.safetensors").keys()
        == unix_exp.model("resnet8", num_classes=24).state_dict().keys()
    )
    assert unix_exp.load(folder)(torch.zeros(2, 3, SIDE, SIDE)).logits.shape == (2, 24)
    weights = read_state(folder / "images.safetensors")["pad_weight"]
    assert weights.shape == (48,)
    assert (weights > 0).all()

    arrays = [record.arrays for record in records]
    assert ["quantiles_pad_weight" in one for one in arrays if one is not None] == [False, False, True, True]
    assert all(record.values["method/pad_distance"] > 0 for record in records)
    assert ["method/pad_weight" in record.values for record in records] == [False, False, True, True]

    shown = json.loads((folder / "images" / "pad_weight.json").read_text())
    highest, lowest = ([one["index"] for one in shown[end]] for end in ("highest", "lowest"))
    order = weights.argsort(descending=True).tolist()
    assert (highest, lowest) == (order[:16], order[:-17:-1])
    with Image.open(folder / "images" / "pad_weight-highest.png") as picture:
        assert picture.size == (8 * SIDE + 7 * GAP, 2 * SIDE + GAP)


def test_the_smoke_scale_runs_every_arm(command: Command) -> None:
    small = ("teacher=resnet8", "student=resnet8", "dataset.side=16", "seed=0", "logger=none")
    said = command("sweep=pad_controls", "scale=smoke", *small)
    assert said.code == 0, said.err
    results = [json.loads(path.read_text()) for path in Path("runs").glob("*/result.json")]
    assert len(results) == 7
    assert {len(result["stages"]) for result in results if result["method"] != "kd"} == {2}
    assert {result["stages"][-1]["epochs"] for result in results} <= {1, 2}
