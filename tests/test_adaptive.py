"""Adaptive Distillation: the paths' values, the learned weights, and the adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from assembled import CPU, RECIPE, Case, Noise, Tiny, networks_of, settings_of
from torch import Tensor, nn

from unix_exp.cost.operations import Operations
from unix_exp.cost.pricing import step_cost
from unix_exp.cost.rules import CONVOLUTION
from unix_exp.distillers.adaptive import Adaptive
from unix_exp.distillers.adaptive_paths import PATHS, channel_products
from unix_exp.distillers.clock import Clock
from unix_exp.engine.folding import frozen
from unix_exp.run.assemble import Shapes, assemble, facts_of
from unix_exp.types import Batch, Mistake, Output

GOLDEN = np.load(Path(__file__).parent / "golden" / "step.npz")
VALUES = {
    "st": "path_soft_target",
    "logits": "path_logits",
    "at": "path_attention_transfer",
    "nst": "path_nst",
    "fm": "path_feature_map",
}
SAMPLES = {**VALUES, "srrl": ""}


def golden(name: str) -> Tensor:
    return torch.from_numpy(GOLDEN[name])


def example(name: str) -> tuple[Tensor, Tensor]:
    what = "path_{}_feature" if "maps" in PATHS[name].reads else "mixstd_{}_logits"
    return golden(what.format("student")), golden(what.format("teacher"))


def method(paths: dict[str, float], networks: dict[str, nn.Module] | None = None, **settings: Any) -> Adaptive:
    case, data = Case("adaptive", "everything", ("ce",)), Noise()
    chosen = settings_of(case)
    chosen["distiller"] = {"name": "adaptive", "paths": paths, **settings}
    shapes = Shapes({role: one.to("meta") for role, one in networks_of(case).items()}, RECIPE.batch, data.size)
    made = assemble(chosen, networks or networks_of(case), facts_of(data, RECIPE.batch, RECIPE.epochs, shapes, Clock()))
    assert isinstance(made, Adaptive)
    return made


def batch() -> Batch:
    data = Noise()
    data.load("cpu")
    return next(iter(data.train_batches(RECIPE.batch, seed=3)))


@pytest.mark.parametrize("name", VALUES)
def test_a_path_has_the_value_of_the_paper_s_code(name: str) -> None:
    value = PATHS[name].distance(*example(name)).mean()
    torch.testing.assert_close(value, golden(VALUES[name]), rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_path_s_gradient_is_that_of_its_value(name: str) -> None:
    student, teacher = (one[:2].double() for one in example(name))
    if student.dim() == 4:
        student, teacher = student[:, :3], teacher[:, :3]
    assert torch.autograd.gradcheck(lambda x: PATHS[name].distance(x, teacher), student.requires_grad_())


def test_products_of_channels_are_the_same_by_way_of_positions() -> None:
    """Where channels outnumber positions, smaller products give the same number and gradient."""
    many, few = torch.randn(2, 3, 30, 4, 4, dtype=torch.float64), torch.randn(2, 3, 5, 4, 4, dtype=torch.float64)
    for student, teacher in (many, few):
        student.requires_grad_()
        ours, theirs = (nn.functional.normalize(one.flatten(2), dim=2) for one in (student, teacher))
        plain = (ours @ ours.mT - theirs @ theirs.mT).square().mean((1, 2))
        torch.testing.assert_close(channel_products(student, teacher), plain)
        grads = [torch.autograd.grad(one.sum(), student, retain_graph=True)[0]
                 for one in (plain, channel_products(student, teacher))]  # fmt: skip
        torch.testing.assert_close(*grads)
    assert torch.autograd.gradcheck(lambda x: channel_products(x, many[1]), many[0].detach().requires_grad_())


def test_maps_of_different_sizes_meet_at_the_smaller() -> None:
    large, small = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 4, 4)
    for name in ("at", "nst"):
        pooled = nn.functional.avg_pool2d(large, 2)
        torch.testing.assert_close(PATHS[name].distance(large, small), PATHS[name].distance(pooled, small))
        torch.testing.assert_close(PATHS[name].distance(small, large), PATHS[name].distance(small, pooled))


def test_the_adaptive_sum_is_that_of_the_paper_s_code() -> None:
    made = method(dict.fromkeys(["st", "logits", "at", "nst"], 1.0))
    for name, value in zip(made.paths, golden("adaptive_alphas"), strict=True):
        made.a[name].data.fill_(value)
    losses = {name: loss[None] for name, loss in zip(made.paths, golden("adaptive_losses"), strict=True)}
    terms, values = made.weighted(losses)
    torch.testing.assert_close(torch.stack([*terms.values()]).sum(), golden("adaptive_total"), rtol=1e-5, atol=0)
    assert list(values) == ["weight_st", "weight_logits", "weight_at", "weight_nst"]
    torch.testing.assert_close(torch.stack([*values.values()]), (-golden("adaptive_alphas")).exp())


@pytest.mark.parametrize("weights", ["adaptive", "layerwise"])
def test_the_adaptive_sum_s_gradient_is_right_for_losses_and_for_what_is_learned(weights: str) -> None:
    made = method({"st": 0.1, "at": 3.0}, weights=weights, alpha=0.7).double()
    for a in made.a.values():
        nn.init.normal_(a)
    losses = [torch.rand(count, dtype=torch.float64, requires_grad=True) for count in (1, 2)]

    def total(*_: Tensor) -> Tensor:
        terms, _values = made.weighted(dict(zip(made.paths, losses, strict=True)))
        return torch.stack([*terms.values()]).sum()

    assert torch.autograd.gradcheck(total, (*losses, *made.a.values()))


def test_a_learned_weight_settles_where_its_path_s_weighted_loss_is_its_exponential() -> None:
    made = method({"st": 0.1, "at": 1000.0})
    losses = {"st": torch.tensor([7.0]), "at": torch.tensor([0.01, 0.03])}
    optimiser = torch.optim.SGD(made.a.parameters(), lr=0.1)
    for _ in range(500):
        optimiser.zero_grad()
        torch.stack([*made.weighted(losses)[0].values()]).sum().backward()
        optimiser.step()
    torch.testing.assert_close(made.a["st"].exp(), torch.tensor([0.7]))
    torch.testing.assert_close(made.a["at"].exp(), torch.tensor([40.0]))


def test_equal_weights_learn_nothing_and_adaptive_ones_begin_as_equal() -> None:
    paths = {"st": 0.1, "at": 1000.0, "nst": 10.0}
    runs = {weights: method(paths, weights=weights) for weights in ("fixed", "adaptive", "layerwise")}
    losses = {weights: made(batch()) for weights, made in runs.items()}
    assert not hasattr(runs["fixed"], "a") and losses["fixed"].values == {}
    assert set(losses["layerwise"].values) == {
        "weight_st", "weight_at_1", "weight_at_2", "weight_nst_1", "weight_nst_2",
    }  # fmt: skip
    for weights in ("adaptive", "layerwise"):
        for name, term in losses["fixed"].terms.items():
            torch.testing.assert_close(losses[weights].terms[name], term)


def test_adapters_are_made_for_the_paths_that_need_them_trained_counted_and_not_exported() -> None:
    widths = [(8, 12), (8, 12)]  # of Tiny(4) and Tiny(6), at 4x4 and 2x2
    for paths, stages in (
        ({"st": 1.0}, []),
        ({"fm": 1.0}, [0, 1]),
        ({"srrl": 1.0}, [1]),
        ({"fm": 1.0, "srrl": 1.0}, [0, 1]),
    ):
        made = method(paths)
        convolutions = [one for one in made.adapters.modules() if isinstance(one, nn.Conv2d)]
        assert [(one.in_channels, one.out_channels) for one in convolutions] == [widths[at] for at in stages]
        with Operations({role: getattr(made, role) for role in made.roles}) as counted:
            made(batch())
        macs = sum(RECIPE.batch * (4, 2)[at] ** 2 * 8 * 12 for at in stages)
        assert counted.total("method", kind=CONVOLUTION) == macs
        cost, _, unpriced = step_cost(made, batch(), "train", Noise.size)
        assert unpriced == () and (cost.other > 0) == bool(stages)
    assert {name.partition(".")[0] for name in made.state()} == {"student", "adapters", "a"}
    assert not any("adapters" in name for name in made.student.state_dict())


def test_srrl_learns_through_a_folded_bf16_classifier() -> None:
    case = Case("adaptive", "everything", ("ce",))
    networks = networks_of(case)
    cheap = frozen(networks["teacher"], "bf16", Noise.size)
    made = method({"srrl": 1.0}, {"student": networks["student"], "teacher": cheap})
    with CPU.autocast():
        losses = made(batch())
    losses.terms["path_srrl"].backward()
    gradient = next(made.adapters.parameters()).grad
    assert losses.terms["path_srrl"].dtype == torch.float32
    assert gradient is not None and bool(gradient.isfinite().all()) and bool(gradient.any())
    assert all(weight.grad is None for weight in cheap.parameters())


class Plain(nn.Module):
    """A network of somebody's own, which only answers images."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = Tiny(6)

    def forward(self, images: Tensor) -> Output:
        output: Output = self.inside(images)
        return output


@pytest.mark.parametrize(
    ("paths", "settings", "said"),
    [
        ({}, {}, "distiller.paths is empty"),
        ({"at": 1, "stt": 1}, {}, "no path 'stt'; did you mean 'st'"),
        ({"at": 0}, {}, "for 'at' choose a number above 0"),
        ({"st": 1}, {"tau": 0.0}, "distiller.tau is 0"),
        ({"st": 1}, {"alpha": -1.0}, "distiller.alpha is -1"),
    ],
)
def test_settings_that_cannot_be_are_refused(paths: dict[str, float], settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Mistake, match=said):
        method(paths, **settings)


def test_srrl_names_a_teacher_that_cannot_classify_an_embedding() -> None:
    made = method({"srrl": 1.0}, {"student": Tiny(4), "teacher": Plain()})
    with pytest.raises(Mistake, match="the teacher, a Plain, cannot classify"):
        made(batch())
