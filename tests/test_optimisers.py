"""Which optimiser a recipe means, whose settings lie in it, and that all train, are recorded and continue alike."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from assembled import Case, training
from plugged import forgotten_afterwards
from states import differences, timeless, untimed
from tape import Tape
from torch import nn

from unix_exp import config
from unix_exp.config import plugins
from unix_exp.config.optimiser import idle
from unix_exp.engine import cuda_graph
from unix_exp.engine.cuda_graph import CapturedStep
from unix_exp.engine.loop import Training, train
from unix_exp.engine.optimiser import optimiser_of
from unix_exp.engine.runtime import Runtime
from unix_exp.optimisers.uncompiled import plain
from unix_exp.recipe import Recipe
from unix_exp.registry import optimisers
from unix_exp.run import components
from unix_exp.run.checkpoint import read_state, save_state
from unix_exp.run.continuing import load_state, state_of
from unix_exp.types import Mistake

FLAT = {"epochs": 4, "batch": 16, "lr": 0.01, "milestones": [2], "momentum": 0.9, "nesterov": True}
ADAMW = components.recipe({**FLAT, "optimiser": "adamw", "weight_decay": 0.05})
KD = Case("offline", "unix", ("kd", "ce"))


class Signs(torch.optim.Optimizer):
    """Lion: the sign of an average, which is made in the first step."""

    def __init__(self, weights: Any, lr: float, weight_decay: float, fast: float = 0.9, slow: float = 0.99) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay, "fast": fast, "slow": slow, "count": 0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            self.count(group)
            for weight in (one for one in group["params"] if one.grad is not None):
                state = self.state[weight]
                average = state.setdefault("average", torch.zeros_like(weight))
                signs = average.lerp(weight.grad, 1 - group["fast"]).sign()
                weight.sub_(group["lr"] * (signs + group["weight_decay"] * weight))
                average.lerp_(weight.grad, 1 - group["slow"])

    def count(self, group: dict[str, Any]) -> None:
        pass


class Counting(Signs):
    """The same, with a count that no recording would go on with."""

    def count(self, group: dict[str, Any]) -> None:
        group["count"] += 1


@pytest.fixture(autouse=True)
def signs() -> Iterator[None]:
    """A plug-in's optimiser beside those of the package."""
    with forgotten_afterwards():
        optimisers.register("signs")(Signs)
        yield


def run_of(changes: Mapping[str, Any], **given: Any) -> Training:
    run = training(KD, **given)
    run.stages = tuple(stage._replace(recipe=stage.recipe.but(**changes)) for stage in run.stages)
    return run


CHOICES: list[dict[str, Any]] = [{"optimiser": name, "lr": 0.002} for name in (*optimisers.names(), "signs")]
CHOICES += [CHOICES[0] | {"decay_norms": False}, {"momentum": 0.0}]


@pytest.mark.parametrize("changes", CHOICES, ids=str)
def test_a_run_may_be_recorded_and_continued_bit_for_bit(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whole and eager; recorded as a GPU does it; and each of them continued by the other."""
    tape = Tape()
    monkeypatch.setattr(cuda_graph, "record", tape)
    recording = Runtime(device="cpu", threads=torch.get_num_threads())
    monkeypatch.setattr(Runtime, "captures", property(lambda runtime: runtime is recording))
    eager = run_of(changes)
    told = [untimed(record.values) for record in train(eager)]
    for number, (first, then) in enumerate(((eager.runtime, recording), (recording, eager.runtime))):
        begun, kept = run_of(changes), tmp_path / f"{number}.pt"
        begun.runtime = first
        assert untimed(next(iter(train(begun))).values) == told[0]
        save_state(kept, state_of(begun))
        rest = run_of(changes)
        rest.runtime = then
        load_state(rest, read_state(kept), SimpleNamespace(checkpoint=kept))  # type: ignore[arg-type]
        assert [untimed(record.values) for record in train(rest)] == told[1:]
        states = [timeless(state_of(run)) for run in (rest, eager)]
        for group in (group for state in states for group in state["optimiser"]["param_groups"]):
            del group["lr"]  # rounded to float32 in a recording, and set in every epoch
        assert differences(*states) == []
        steps = [one.step for one in (begun, rest)]
        assert [isinstance(step, CapturedStep) for step in steps] == [first is recording, then is recording]
        assert all(step.recording for step in steps if isinstance(step, CapturedStep))
    assert tape.replays >= 8


def test_an_optimiser_that_counts_on_the_host_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    optimisers.register("counting")(Counting)
    monkeypatch.setattr(cuda_graph, "record", Tape())
    monkeypatch.setattr(Runtime, "captures", property(lambda runtime: True))
    said: list[str] = []
    run = run_of({"optimiser": "counting", "lr": 0.001}, say=said.append)
    next(iter(train(run)))
    assert len(said) == 1 and said[0].endswith("the optimiser counts count on the host")
    assert run.step is not None and run.step.optimiser.param_groups[0]["count"] == 4


@pytest.mark.parametrize("decay_norms", [True, False])
def test_adamw_is_pytorch_s(decay_norms: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    made = optimiser_of(ADAMW.but(decay_norms=decay_norms), ours.parameters())
    own = [{"params": [theirs[0].weight]}, {"params": [theirs[0].bias, *theirs[1].parameters()]}]
    own[1] |= {} if decay_norms else {"weight_decay": 0.0}
    plain = torch.optim.AdamW(own, lr=0.01, weight_decay=0.05, foreach=False)
    for _ in range(5):
        images = torch.randn(8, 6)
        for network, optimiser in ((ours, made), (theirs, plain)):
            optimiser.zero_grad()
            (network(images) - 1).pow(3).sum().backward()
            optimiser.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


def test_a_method_s_stages_may_change_an_optimiser_s_settings() -> None:
    recipe = components.recipe(FLAT).but(momentum=0.5, lr=0.1)
    (group,) = optimiser_of(recipe, [nn.Parameter(torch.zeros(1))]).param_groups
    assert (group["momentum"], group["nesterov"], group["lr"]) == (0.5, True, 0.1)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"optimiser": "adam"}, "recipe.optimiser is 'adam'; did you mean 'adamw'? (plugins="),
        ({"optimiser": 5}, "recipe.optimiser is 5; it must be text or null"),
        ({"momentun": 0.5}, "recipe has no setting 'momentun'; did you mean 'momentum'?"),
        ({"optimizer": "adamw"}, "recipe has no setting 'optimizer'; did you mean 'optimiser'?"),
        ({"options": {}}, "recipe has no setting 'options'"),
        ({"momentum": 0.0}, "recipe.nesterov is true, which needs momentum above 0"),
        ({"betas": [0.9, 1.0]}, "recipe.betas is [0.9, 1.0]; for each of them choose a number from 0 on, below 1"),
        ({"optimiser": "adamw", "betas": [0.9]}, "recipe.betas has 1 values; give 2"),
        ({"optimiser": "adamw", "eps": 0.0}, "recipe.eps is 0.0; choose a number above 0, up to 1"),
        ({"optimiser": "adamw", "momentum": 5}, "recipe.momentum is 5; choose a number from 0 on, below 1"),
        ({"optimiser": "signs", "slow": "x"}, "recipe.slow is 'x'; it must be a number"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Mistake) as refused:
        components.recipe(FLAT | changes)
    assert complaint in str(refused.value)


def test_settings_of_another_optimiser_change_nothing_and_name_no_other_run() -> None:
    plain = {"momentum": 0.9, "nesterov": True, "lr": 0.01}
    later = {"optimiser": "sgd", "betas": [0.9, 0.99], "eps": 1e-6, "decay_norms": True, "slow": 0.5}
    assert config.of_recipe(plain | later) == plain, "runs keep the identity that they had before there was a choice"
    adamw = plain | later | {"optimiser": "adamw"}
    assert idle(adamw) == {"momentum", "nesterov", "slow"}
    assert config.of_recipe(adamw) == {"lr": 0.01, "optimiser": "adamw", "betas": [0.9, 0.99], "eps": 1e-6}
    assert config.of_recipe(plain | {"optimiser": "gone"}) == plain | {"optimiser": "gone"}, "a plug-in's, in a record"


def test_a_recipe_s_own_settings_are_no_optimiser_s() -> None:
    class Odd(Signs):
        def __init__(self, weights: Any, lr: float, weight_decay: float, gamma: float = 1.0) -> None:
            super().__init__(weights, lr, weight_decay)

    optimisers.register("odd")(Odd)
    assert config.of_recipe({"gamma": 0.1}) == {"gamma": 0.1}
    assert Recipe(epochs=1, batch=1, lr=0.1, milestones=[]).but(gamma=0.5).options == {}


def test_the_code_of_a_plug_in_s_optimiser_is_part_of_a_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    monkeypatch.setitem(plugins.LOADED, file, plugins.Plugin("mine", file, "hash", (("optimiser", "signs"),)))
    settings = {"student": {"name": "resnet8"}, "recipe": {"optimiser": "signs"}}
    assert plugins.used(settings) == {"mine": "hash"}
    assert plugins.used(settings | {"recipe": {"optimiser": "sgd"}}) == {}


def test_a_run_begins_without_pytorchs_compiler(tmp_path: Path) -> None:
    """Which takes two seconds to import. Some criteria still need it; conventional KD and UNIX do not."""
    words = [
        "dataset=shapes", "dataset.side=16", "dataset.train_count=32", "dataset.test_count=24", "recipe=smoke",
        "recipe.batch=16", "logger=none", "teacher=resnet8", "student=resnet8", "teacher_recipe.batch=16",
        "runtime.device=cpu", "runtime.threads=1",
    ]  # fmt: skip
    code = f"import sys, unix_exp; list(unix_exp.fit(*{words})); print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "False"


def test_an_optimiser_that_was_made_before_the_compiler_is_marked_after(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    with monkeypatch.context() as before:
        before.delitem(sys.modules, "torch._dynamo", raising=False)
        made = plain(torch.optim.SGD)([weight], lr=0.1)
        weight.grad = torch.ones(2)
        made.step()
        assert made.state_dict()["param_groups"][0]["lr"] == 0.1
    assert torch.equal(weight.detach(), torch.full((2,), 0.9))
    importlib.import_module("torch._dynamo")
    made.zero_grad()
    made.load_state_dict(made.state_dict())
    assert weight.grad is None
    assert type(made).__name__ == "SGD" and isinstance(made, torch.optim.SGD)


def test_hooks_of_a_step_are_called() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    made, heard = plain(torch.optim.AdamW)([weight], lr=0.1), []
    made.register_step_pre_hook(lambda *_: heard.append("before"))
    made.register_step_post_hook(lambda *_: heard.append("after"))
    weight.grad = torch.ones(2)
    made.step()
    assert heard == ["before", "after"]
    assert weight.requires_grad and not made.state[weight]["exp_avg"].requires_grad
