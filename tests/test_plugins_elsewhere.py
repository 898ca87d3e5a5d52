"""Code and choices of one's own in every command, not in train alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from common import TINY, Command, only
from plugged import forgotten_afterwards, write_certain

from unix_exp.bench import case
from unix_exp.sweeps import __main__ as command_line

GRID = """# @package _global_
# My sampler beside a random one.
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      sampler: certain,random
      sampler.k: 4,8
"""

SINK = """
from unix_exp.registry import sinks


@sinks.register("diary")
class Diary:
    def __init__(self, run, every: int = 1, fail: bool = False) -> None:
        self.run, self.every, self.fail = run, every, fail

    def note(self, line: str) -> None:
        with (self.run.folder / "diary.txt").open("a") as file:
            file.write(line + "\\n")

    def __call__(self, record) -> None:
        if self.fail:
            raise OSError("the disk is full")
        if record.epoch % self.every == 0:
            self.note(f"epoch {record.epoch}")

    def summarise(self, result) -> None:
        self.note(f"{result['method']} {self.run.group} {self.run.is_teacher}")

    def close(self, failed: bool) -> None:
        self.note("failed" if failed else "whole")
"""


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    write_certain(Path())
    Path("mine/sweep").mkdir(parents=True)
    Path("mine/sweep/own.yaml").write_text(GRID)
    with forgotten_afterwards():
        yield


@pytest.fixture
def sweeps(typed: Callable[..., Command]) -> Command:
    return typed(command_line.main)


def test_a_sweep_of_ones_own_is_listed_planned_and_run(command: Command, sweeps: Command) -> None:
    own = ("--config-dir", "mine", "plugins=certain.py")
    listed = [line.split(maxsplit=3) for line in sweeps("list", *own).lines]
    assert ["own", "4", "jobs", "My sampler beside a random one."] in listed
    planned = sweeps("plan", "own", *own, *TINY)
    assert planned.code == 0, planned.err
    assert "own: 5 missing" in planned.out, "four students and their teacher"
    assert "missing    sampler=certain sampler.k=4 " in planned.out, "only what differs between jobs is shown"
    line = planned.lines[-1].partition("do it with: python -m unix_exp.train ")[2].split()
    assert line[:3] == ["--config-dir", "mine", "sweep=own"]
    done = command(*line)
    assert done.code == 0, done.err
    assert "own: 5 done" in sweeps("plan", "own", *own, *TINY).out


def test_a_sweep_is_found_by_hydras_search_path_too(sweeps: Command, tmp_path: Path) -> None:
    said = sweeps("plan", "own", f"hydra.searchpath=[file://{tmp_path}/mine]", "plugins=certain.py", *TINY)
    assert "own: 5 missing" in said.out


def test_agents_of_wandb_find_it(sweeps: Command) -> None:
    described = yaml.safe_load(sweeps("wandb", "own", "--config-dir", "mine", "plugins=certain.py").out)
    words = ["--config-dir", "mine", "sweep=own", "hydra.mode=RUN", "plugins=certain.py", "${args_no_hyphens}"]
    assert described["command"][4:] == words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("plan own", "sweep 'own' does not exist"),
        ("plan owm --config-dir mine", "sweep 'owm' does not exist; did you mean 'own'?"),
        ("plan own --config-dir nowhere", "--config-dir nowhere does not exist; give a folder"),
        ("plan own --config-dir mine plugins=nowhere.py", "plug-in nowhere.py does not exist in "),
        ("plan own --config-dir mine plugins=certain.py sampler.kk=3", "sampler 'random' has no setting 'kk'"),
        ("list plugins", "cannot read 'plugins'; write a change as key=value"),
    ],
)
def test_a_mistake_is_one_line(sweeps: Command, words: str, message: str) -> None:
    said = sweeps(*words.split())
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert message in line


def test_train_needs_a_config_dir_that_exists(command: Command) -> None:
    said = command("--config-dir", "nowhere")
    assert (said.code, said.err) == (
        2, "error: --config-dir nowhere does not exist; give a folder with choices of your own\n",
    )  # fmt: skip


def test_the_bench_times_a_sampler_of_ones_own() -> None:
    made = case.read((*TINY, "sampler=certain", "sampler.k=4", "plugins=certain.py"))
    assert made.settings["sampler"] == {"name": "certain", "k": 4, "scout_mode": "train"}
    assert made.cost.images.scouted == 16


def test_records_go_to_a_sink_of_ones_own(tiny: Command) -> None:
    Path("diary.py").write_text(SINK)
    said = tiny("plugins=diary.py", "logger=diary", "logger.every=2", "recipe.epochs=2", "experiment=kd")
    assert said.code == 0, said.err
    assert (only(Path("runs")) / "diary.txt").read_text().splitlines() == [
        "epoch 2", "kd resnet8_resnet8-kd False", "whole",
    ]  # fmt: skip
    assert "teacher resnet8-teacher True" in (only(Path("teachers"), "*-s*") / "diary.txt").read_text()


def test_a_sink_hears_of_a_failure_and_its_settings_are_checked(tiny: Command) -> None:
    Path("diary.py").write_text(SINK)
    words = ("plugins=diary.py", "logger=diary", "experiment=scratch")
    assert "logger has no setting 'evry'; did you mean 'every'?" in tiny(*words, "logger.evry=2").err
    assert "logger.every is 'x'; it must be a whole number" in tiny(*words, "logger.every=x").err
    said = tiny(*words, "logger.fail=true")
    assert said.code == 1 and "OSError: the disk is full" in said.err
    assert (only(Path("runs")) / "diary.txt").read_text() == "failed\n"


def test_the_sink_is_no_part_of_what_names_a_run(tiny: Command) -> None:
    Path("diary.py").write_text(SINK)
    tiny("experiment=scratch")
    assert " is finished: " in tiny("experiment=scratch", "plugins=diary.py", "logger=diary").out
