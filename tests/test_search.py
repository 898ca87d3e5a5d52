"""A search by one of Hydra's sweepers: what it is told of each run, and what is said at its end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from common import SHORT, Command
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig

from unix_exp.cli.search import best, check_direction, objective
from unix_exp.cluster.launcher import offer
from unix_exp.types import Mistake

RESULT = {"last": {"top1": 70.0}, "cost": {"gflops": {"total_gflops": 5.0}}}


class Listening(Sweeper):
    """Runs every combination, as Hydra's own sweeper does, and keeps what the runs returned."""

    heard: ClassVar[list[Any]] = []

    def __init__(self, **_: Any) -> None:
        pass

    def setup(self, *, hydra_context: Any, task_function: Any, config: DictConfig) -> None:
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        words = OverridesParser.create().parse_overrides(fixed(arguments))
        (jobs,) = BasicSweeper.split_arguments(words, max_batch_size=None)
        self.heard.extend(one.return_value for one in self.launcher.launch(jobs, initial_job_idx=0))


Listening.__module__ = "hydra_plugins.listening"  # where Hydra takes sweepers from


def fixed(words: list[str]) -> list[str]:
    """A search draws from an interval; here there is one value in it."""
    return [word.replace("tag(log,interval(0.01,0.1))", "0.05") for word in words]


@pytest.fixture(autouse=True)
def sweeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the place of the one that is installed with unix_exp[search], with its defaults."""
    offer()  # makes the package, where nothing that is installed has brought it along
    module = ModuleType(Listening.__module__)
    vars(module)["Listening"] = Listening
    monkeypatch.setitem(sys.modules, module.__name__, module)
    vars(sys.modules["hydra_plugins"])["listening"] = module
    Plugins.instance().register(Listening)
    node = {"_target_": "hydra_plugins.listening.Listening", "params": None, "direction": "minimize"}
    store = ConfigStore.instance()
    store.store(group="hydra/sweeper", name="optuna", node={**node, "n_trials": 20, "max_failure_rate": 0.0})
    yield
    store.repo["hydra"]["sweeper"].pop("optuna.yaml", None)
    Listening.heard.clear()


def test_a_search_hears_the_accuracy_of_every_run_and_ends_with_the_best(command: Command) -> None:
    words = (*SHORT, "experiment=scratch", "seed=0,1", "recipe.lr=tag(log,interval(0.01,0.1))")
    said = command("-m", *words[:-1], "hydra/sweeper=search", words[-1], "recipe.epochs=1")
    assert said.code == 0, said.err
    results = [json.loads(path.read_text()) for path in sorted(Path("runs").glob("*/result.json"))]
    reached = {one["seed"]: one["last"]["top1"] for one in results}
    assert Listening.heard == [reached[0], reached[1]]
    assert f"\nbest: {max(reached.values()):.2f} %: " in said.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("hydra/sweeper=optuna", "hydra.sweeper.direction is minimize, but a run gives its accuracy; write maximize"),
        ("hydra/sweeper=basic", "recipe.lr=interval(0.1,1): a grid needs values one by one"),
        ("seed=0", "recipe.lr=interval(0.1,1): a grid needs values one by one"),
    ],
)
def test_a_mistake_is_found_before_the_first_run(command: Command, words: str, message: str) -> None:
    said = command("-m", words, "recipe.lr=interval(0.1,1)")
    assert said.code == 2 and message in said.err and len(said.err.splitlines()) == 1


def test_a_sweeper_that_is_not_installed_is_named(command: Command) -> None:
    del ConfigStore.instance().repo["hydra"]["sweeper"]["optuna.yaml"]
    said = command("-m", "hydra/sweeper=search", "seed=0,1")
    assert said.code == 2 and "hydra/sweeper 'optuna' is not installed; pip install 'unix_exp[search]'" in said.err


def test_a_search_goes_by_validation_images_where_there_are_any() -> None:
    assert objective(RESULT, {"direction": "maximize"}) == objective(RESULT, {}) == 70.0
    assert objective(RESULT | {"val": {"top1": 60.0}}, {}) == 60.0
    assert objective(RESULT, {"direction": ["maximize", "minimize"]}) == [70.0, 5.0]
    for wrong in ("minimize", ["maximize"] * 2, ["minimize", "maximize"]):
        with pytest.raises(Mistake, match="write maximize"):
            check_direction({"direction": wrong})
    check_direction({"max_batch_size": None})


def test_what_no_other_run_beats_is_best() -> None:
    assert best(["a", "b", "c"], [70.0, 72.0, 72.0]) == ["best: 72.00 %: b"]
    both = best(["a", "b", "c", "d"], [[70.0, 5.0], [72.0, 9.0], [71.0, 9.0], [60.0, 2.0]])
    assert both == ["best: 72.00 %, 9 GFLOPs: b", "best: 70.00 %, 5 GFLOPs: a", "best: 60.00 %, 2 GFLOPs: d"]
