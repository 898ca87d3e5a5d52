"""Grids of runs: that each does what its table prints, is repeated never, and tells how far it has come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from common import Command, only
from filelock import FileLock
from hydra.errors import MissingConfigException

import unix_exp
from unix_exp import config, paper
from unix_exp.cli.errors import in_one_line
from unix_exp.config import compose
from unix_exp.report.published import comparable_with_paper, row_and_pair
from unix_exp.report.runs import Run
from unix_exp.run.record import TRAINED_HERE
from unix_exp.sweeps import __main__ as command_line
from unix_exp.sweeps import grid
from unix_exp.sweeps.wandb import wandb_sweep

SMALL = ("sweep=demo", "scale=smoke", "logger=none")
HERE = {**os.environ, "PYTHONPATH": str(Path(unix_exp.__file__).parents[1]), "OMP_NUM_THREADS": "1"}

Sweeps = Command


@pytest.fixture
def sweeps(typed: Callable[..., Command]) -> Sweeps:
    """Type `python -m unix_exp.sweeps WORDS` where `command` works too."""
    return typed(command_line.main)


@pytest.fixture
def hydra() -> Iterator[None]:
    compose.prepare(())
    with compose.hydra_ready():
        yield


def settings_of(jobs: Iterable[tuple[str, ...]]) -> list[config.Settings]:
    return [config.resolve(compose.composed(job)) for job in jobs]


def without_seed(job: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in job if not word.startswith("seed="))


def every_word_once(jobs: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Some jobs of a grid that together have every choice of it: all of them would be hundreds."""
    seen: set[str] = set()
    return [job for job in jobs if not seen.issuperset(job) and seen.update(job) is None]


@pytest.mark.parametrize("name", sorted(paper.tables()))
def test_a_sweep_fills_every_cell_of_its_table_with_four_seeds(hydra: None, name: str) -> None:
    published = paper.published()
    printed = published["tables"][name]
    cells: Counter[tuple[str, str] | None] = Counter()
    seeds: dict[tuple[str, ...], int] = Counter(without_seed(job) for job in set(grid.jobs(grid.read(name))))
    for settings, count in zip(settings_of(seeds), seeds.values(), strict=True):
        if settings["distiller"]["name"] == "supervised":
            continue  # the students alone of Tables 7 and 8
        assert settings["dataset"]["name"] == printed["dataset"]
        result = {
            "pair": config.pair_name(settings),
            "dataset": printed["dataset"],
            "teacher": {"source": TRAINED_HERE},
        }
        run = Run(Path(), settings, result)
        assert comparable_with_paper(run), "data, recipe, learning rate and the teacher's recipe are the paper's"
        cells[row_and_pair(run, printed, published)] += count
    assert cells == {(row["name"], pair): 4 for row in printed["rows"] for pair in printed["pairs"]}


@pytest.mark.parametrize("name", [name for name in grid.names() if not name.startswith("table")])
def test_every_other_sweep_composes(hydra: None, name: str) -> None:
    found = [
        config.identity({**config.what_determines(settings, "", None), "teacher": teacher_in(settings)})
        for settings in settings_of(every_word_once(grid.jobs(grid.read(name))))
    ]
    assert len(set(found)) == len(found) >= 2


def teacher_in(settings: config.Settings) -> config.Settings:
    """What decides how a missing teacher is trained."""
    return {key: value for key, value in settings.items() if key.startswith("teacher") and key != "teachers"}


def test_the_sweeps_are_listed_with_their_jobs(sweeps: Sweeps) -> None:
    lines = sweeps("list").lines
    assert lines[0].split()[:3] == ["table1", "96", "jobs"]
    assert len(lines) == len(grid.names())


def test_a_plan_tells_what_is_done_failed_running_begun_and_missing(command: Command, sweeps: Sweeps) -> None:
    assert command(*SMALL, "experiment=kd,random,unix", "recipe.epochs=2").code == 0
    (kd,), (random,), (unix,) = (list(Path("runs").glob(f"*-{name}-s0-*")) for name in ("kd", "random", "unix"))
    for folder in (kd, random):
        (folder / "result.json").unlink()
    (kd / "failure.txt").write_text("Traceback\nRuntimeError: the disk is full\n")
    lengthen(unix)
    (random / "metrics.jsonl").write_text((random / "metrics.jsonl").read_text().splitlines()[0] + "\n")
    words = ("plan", "demo", "scale=smoke", "recipe.epochs=2")
    with FileLock(unix / ".lock"):
        (unix / "result.json").rename(unix / "later.json")
        running = sweeps(*words)
    (unix / "later.json").rename(unix / "result.json")
    said = sweeps(*words)
    assert said.code == 0, said.err
    state = {line.split("experiment=")[1].split()[0]: line for line in said.lines if "experiment=" in line[:40]}
    assert state["kd"].startswith("failed")
    assert "RuntimeError: the disk is full" in state["kd"]
    assert state["random"].startswith("begun")
    assert state["unix"].startswith("done")
    assert state["scratch"].startswith("missing")
    assert any(line.startswith("running") and "experiment=unix" in line for line in running.lines)
    assert "teacher resnet20" in said.lines[1]
    assert "by the median speed of" in said.out
    assert "do it with: python -m unix_exp.train sweep=demo scale=smoke recipe.epochs=2" in said.out


def lengthen(run: Path) -> None:
    """Make a tiny run's result that of a longer one."""
    result = json.loads((run / "result.json").read_text())
    del result["check"]  # the hash of what it held
    (run / "result.json").write_text(json.dumps(result | {"steps": 50}))


def test_speed_is_learned_from_runs_of_some_length_with_the_same_batch(command: Command, sweeps: Sweeps) -> None:
    words = ("scale=smoke", "experiment=scratch,kd")
    assert command("sweep=demo", "logger=none", *words[:1], "experiment=scratch").code == 0
    assert "no run here has shown a speed yet" in sweeps("plan", "demo", *words).out, "one step shows no speed"
    lengthen(only(Path("runs")))
    assert "by the median speed of 1 finished runs" in sweeps("plan", "demo", *words).out
    other = sweeps("plan", "demo", *words, "recipe.batch=48", "teacher_recipe.batch=48")
    assert "no run here has shown a speed yet" in other.out


def test_the_plans_gflops_are_what_the_runs_then_count(command: Command, sweeps: Sweeps) -> None:
    before = sweeps("plan", "demo", "scale=smoke", "experiment=kd,unix").lines
    assert command(*SMALL, "experiment=kd,unix").code == 0
    for name in ("kd", "unix"):
        (line,) = (line for line in before if f"experiment={name}" in line and line.startswith("missing"))
        result = yaml.safe_load((next(Path("runs").glob(f"*-{name}-s0-*")) / "result.json").read_text())
        counted = result["cost"]["gflops"]["total_gflops_backward_2"]
        assert line.split()[2] == f"{counted:,.0f}"


def test_a_plan_names_a_job_that_cannot_be_done(sweeps: Sweeps) -> None:
    said = sweeps("plan", "demo", "scale=smoke", "experiment=unix", "teacher.checkpoint=nowhere.pth")
    assert "impossible" in said.out
    assert "teacher.checkpoint nowhere.pth does not exist" in said.out
    assert "1 of 1 job cannot be planned; the first: teacher.checkpoint nowhere.pth does not exist" in said.lines[-1]
    assert "left:" not in said.out, "nothing can be done, so no command does it"


def test_the_command_of_a_plan_can_be_pasted(sweeps: Sweeps) -> None:
    said = sweeps("plan", "demo", "scale=smoke", "experiment=scratch", "runs=my runs")
    assert said.lines[-1].endswith("sweep=demo scale=smoke experiment=scratch 'runs=my runs'")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path, unbuffered: str) -> None:
    words = [sys.executable, "-W", "ignore", "-m", "unix_exp.sweeps", "list"]
    given = HERE | {"PYTHONUNBUFFERED": unbuffered}
    process = subprocess.Popen(words, cwd=tmp_path, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    assert process.communicate()[1] == b""
    assert process.returncode == 0


def test_a_finished_sweep_says_how_to_see_it(command: Command, sweeps: Sweeps) -> None:
    command(*SMALL, "experiment=scratch,kd")
    said = sweeps("plan", "demo", "scale=smoke", "experiment=scratch,kd")
    assert "see them with: python -m unix_exp.report runs" in said.out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("plan", "tabel1"), "sweep 'tabel1' does not exist; did you mean 'table1'?"),
        (("plan", "demo", "sed=1"), "there is no setting 'sed'; did you mean 'seed'?"),
        (("plan", "demo", "seed"), "cannot read 'seed'; write a change as key=value"),
        (("plan", "demo", "pair=nobody"), "pair 'nobody' does not exist"),
        (("plan", "demo", "--speed", "0"), "--speed is 0.0; give GFLOPs a second, above 0"),
        (("wandb", "demo", "recipee.epochs=1"), "there is no setting 'recipee'"),
        (("plan", "demo,table1"), "run them one after another: sweep=demo, then sweep=table1"),
        (("wandb", "demo", "sweep=table1"), "run them one after another: sweep=demo, then sweep=table1"),
        (("plan", "table1", "sampler.k=36"), "sampler 'everything' has no setting 'k'; that is experiment=kd"),
    ],
)
def test_a_mistake_is_one_line(sweeps: Sweeps, words: tuple[str, ...], complaint: str) -> None:
    said = sweeps(*words)
    assert said.code == 2
    assert complaint in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("sweep=demo,table1", "sweep takes one grid; run them one after another: sweep=demo, then sweep=table1"),
        ("-m sweep=demo,table1", "sweep takes one grid; run them one after another: sweep=demo, then sweep=table1"),
        ("sweep=[demo,table1]", "sweep takes one grid; run them one after another: sweep=demo, then sweep=table1"),
        ("sweep=choice(demo,table1) -m", "run them one after another: sweep=demo, then sweep=table1"),
        (
            "sweep=table1 sampler.k=36",
            "sampler 'everything' has no setting 'k'; that is experiment=kd, "
            "which experiment=random,unix_k40,unix leaves out",
        ),
        ("sweep=table1 sampler.scout_mode=eval", "that is experiment=kd, which experiment=unix_k40,unix leaves out"),
        (
            "experiment=unix,kd sampler.k=4 -m",
            "that is experiment=kd, which experiment=unix leaves out",
        ),
        ("sweep=demo seed=0,1 recipe.epohcs=3", "recipe has no setting 'epohcs'; did you mean 'epochs'?"),
        ("sweep=demo sampler.kk=3", "sampler 'unix' has no setting 'kk'; did you mean 'k'?"),
        (
            "sweep=demo dataset.train_cont=5",
            "'shapes' has no setting 'train_cont'; did you mean 'train_count'?",
        ),
        ("sweep=demo seed=0,1 hydra.mode=RUN", "'seed=0,1'; this command makes one run, so give one value"),
        ("sweep=demo runs=occupied", "cannot write to occupied/.hydra: Not a directory; choose another folder"),
        ("--config-dir mine sweep=own seed=0,1 sampler.kk=4", "sampler 'unix' has no setting 'kk'; did you mean 'k'?"),
        ("--config-dir mine sweep=own sampler.k=4", "that is experiment=kd, which experiment=random,own leaves out"),
    ],
)
def test_a_mistake_beside_a_sweep_is_one_line(command: Command, words: str, complaint: str) -> None:
    Path("occupied").write_text("a file where a folder should be")
    for group, origin in (("sweep", "demo"), ("experiment", "unix")):
        Path("mine", group).mkdir(parents=True)
        text = (config.choices_folder() / group / f"{origin}.yaml").read_text()
        Path("mine", group, "own.yaml").write_text(text.replace("scratch,kd,kd_stored,random,unix", "kd,random,own"))
    said = command(*words.split())
    assert (said.code, said.out) == (2, "")
    (line,) = said.err.splitlines()
    assert line.startswith("error: ") and complaint in line


def test_a_launcher_that_is_not_installed_is_named_with_what_installs_it() -> None:
    missing = MissingConfigException("", "hydra/launcher/joblib", ["basic"])
    assert in_one_line(missing) == "hydra/launcher 'joblib' is not installed; pip install 'unix_exp[joblib]'"


def test_words_beside_a_wandb_sweep_are_read_as_hydra_reads_them(sweeps: Sweeps) -> None:
    words = ("seed=range(0,3)", "sampler.k=choice(2,3)", "experiment=unix", "recipe.lr=0.1")
    described = yaml.safe_load(sweeps("wandb", "demo", *words).out)
    assert described["parameters"] == {
        "experiment": {"values": ["unix"]}, "seed": {"values": [0, 1, 2]}, "sampler.k": {"values": [2, 3]},
    }  # fmt: skip
    assert described["command"][4:] == ["sweep=demo", "hydra.mode=RUN", "recipe.lr=0.1", "${args_no_hyphens}"]


def test_the_command_of_the_wandb_sweep_runs_as_it_is(forked: Path, sweeps: Sweeps, tmp_path: Path) -> None:
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args  # takes seconds

    said = sweeps("wandb", "demo", *SMALL[1:])
    described = yaml.safe_load(said.out)
    assert described["method"] == "grid"
    assert described["parameters"] == {"experiment": {"values": ["scratch", "kd", "kd_stored", "random", "unix"]}}
    dealt = create_sweep_command_args({"args": {"experiment": {"value": "scratch"}}})  # by wandb's own code
    filled = {"env": [], "interpreter": [sys.executable], "program": [described["program"]], **dealt}
    words = [
        word
        for part in create_sweep_command(described["command"])
        for word in (filled[part[2:-1]] if part.startswith("${") else [part])
    ]
    done = subprocess.run(words, cwd=tmp_path, env=HERE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (only(tmp_path / "runs") / "result.json").exists()


def test_every_sweep_can_be_shared_and_loses_no_job(hydra: None) -> None:
    for name in grid.names():
        sweep, grown = grid.read(name), 1
        for values in yaml.safe_load(wandb_sweep(sweep, (), "unix_exp"))["parameters"].values():
            grown *= len(values["values"])
            assert all(isinstance(value, (str, int, float)) for value in values["values"])
        assert grown == len(grid.jobs(sweep))
