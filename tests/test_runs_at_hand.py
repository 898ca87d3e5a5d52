"""python -m unix_exp.runs: runs found, listed, shown and tagged, whatever state they are in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from filelock import FileLock
from made_runs import changed, made

from unix_exp.report.runs import read_run
from unix_exp.runs import chosen, entries, listing
from unix_exp.runs.__main__ import main
from unix_exp.runs.filters import in_order

CONFIG = """{before}student: {{name: vgg8}}
teacher: {{name: vgg13}}
dataset: {{name: cifar100}}
distiller: {{name: offline}}
sampler: {{name: unix, k: 8}}
criterion: {{kd: {{weight: 1.0}}}}
recipe: {{epochs: 20, batch: 64, lr: 0.05}}
seed: 3
"""


def begun(runs: Path, identity: str, epochs: int = 2, failure: str | None = None, before: str = "") -> Path:
    """A run that is not finished."""
    folder = runs / f"vgg13_vgg8-cifar100-unix-s3-{identity}"
    folder.mkdir(parents=True)
    (folder / ".lock").touch()
    (folder / "config.yaml").write_text(CONFIG.format(before=before))
    lines = [{"epoch": epoch, "train/loss": 1.0, "test/top1": 10.0 * epoch} for epoch in range(1, epochs + 1)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"epoch": 9')
    if failure is not None:
        (folder / "failure.txt").write_text(failure)
    return folder


@pytest.fixture
def runs(typed: Callable[[Callable[[], None]], Command]) -> Command:
    return typed(main)


@pytest.fixture
def several(runs: Command) -> list[Path]:
    """Two methods, three seeds, two rates of k, and a teacher, in the current folder."""
    folders = [made(Path("runs"), "kd", seed=seed, top1=70.0 + seed) for seed in (0, 1)]
    folders += [made(Path("runs/deeper"), "unix", k=k, top1=72.0, pair=("resnet32x4", "shufflev2")) for k in (8, 16)]
    return folders


def found(*words: str) -> list[Path]:
    return [one.path for one in chosen(entries([Path("runs")]), words)]


def test_a_run_is_listed_in_whatever_state_it_is(runs: Command) -> None:
    finished = made(Path("runs"), "kd", top1=71.25)
    begun(Path("runs"), "a" * 12, failure="Traceback\nValueError: no\x1b[31m such thing\n")
    running = begun(Path("runs"), "b" * 12, epochs=5)
    begun(Path("runs"), "c" * 12, epochs=0)
    damaged = made(Path("runs"), "random")
    (damaged / "result.json").write_text("{")
    Path("runs/empty").mkdir()
    with FileLock(running / ".lock"):
        said = runs("list")
    assert said.code == 0 and said.err == ""
    head, *lines = said.lines
    assert head.split()[:2] == ["run", "pair"] and len(lines) == 5
    line = {one.split()[0]: one for one in lines}
    of_kd = ["vgg13_vgg8", "cifar100", "kd", "0", "finished", "3", "71.25", "100.0", "1h", "00m"]
    assert line[finished.name[-12:]].split()[1:11] == of_kd
    assert line["a" * 12].split()[5:7] == ["failed", "2"], "a line that was cut short is no epoch"
    assert line["a" * 12].endswith("ValueError: no [31m such thing")
    assert line["b" * 12].split()[5:7] == ["running", "5"]
    assert line["c" * 12].split()[1:7] == ["vgg13_vgg8", "cifar100", "unix", "3", "unfinished", "0"], "by its settings"
    assert "result.json is damaged" in line[damaged.name[-12:]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("method=kd", (0, 1)), ("pair=vgg*", (0, 1)), ("seed=1", (1,)), ("method=kd,unix seed=0", (0, 2, 3)),
        ("sampler.k=8", (2,)), ("sampler.k=8.0", (2,)), ("sampler=unix", (2, 3)), ("student=vgg8", (0, 1)),
        ("criterion=kd", (0, 1, 2, 3)), ("recipe.epochs=240 sampler.k=16", (3,)), ("status=failed", ()),
        ("dataset.download=true", (0, 1, 2, 3)), ("dataset=cifar100 tag=paper", (1,)), ("student.name=vgg1", None),
    ],
)  # fmt: skip
def test_filters_choose_by_any_setting(
    several: list[Path], runs: Command, words: str, expected: tuple[int, ...] | None
) -> None:
    runs("tag", str(several[1]), "paper", "best")
    if expected is None:
        assert "no run has student.name=vgg1; did you mean 'vgg8'?" in runs("list", *words.split()).err
        return
    assert sorted(found(*words.split())) == sorted(several[number] for number in expected)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("list method=unx", "no run has method=unx; did you mean 'unix'?"),
        ("list recipe.epocs=3", "no run has a setting 'recipe.epocs'; did you mean 'recipe.epochs'?"),
        ("list epochs=3", "no run has a setting 'epochs'; did you mean 'recipe.epochs'?"),
        ("list status=faild", "status is 'faild'; did you mean 'failed'?"),
        ("list kd", "'kd' is no filter; write key=value, such as method=kd or recipe.epochs=20"),
        ("list --sort top", "--sort is 'top'; did you mean 'top1'?"),
        ("list --in nowhere", "there is no folder nowhere; name the folder of the runs with --in DIR"),
        ("show vgg13", "'vgg13' could be any of 2 runs: vgg13_vgg8-cifar100-kd-s0-"),
        ("show runs/deeper", "runs/deeper is not a run's folder: it holds none of config.yaml, failure.txt"),
        ("show kd-s7", "no run in runs is called like 'kd-s7'; python -m unix_exp.runs list shows what there is"),
        ("tag kd-s1 a,b", "'a,b' is no tag; write up to 40 letters"),
        ("compare kd-s1 kd-s1", "give two runs"),
    ],
)
def test_a_mistake_is_said_in_one_line(several: list[Path], runs: Command, words: str, message: str) -> None:
    said = runs(*words.split())
    assert said.code == 2 and len(said.err.splitlines()) == 1 and message in said.err, said.err


def test_words_may_stand_behind_an_option(several: list[Path], runs: Command) -> None:
    said = runs("list", "method=kd", "--sort", "seed", "seed=1")
    assert len(said.lines) == 2 and "kd" in said.lines[1]
    assert runs("list", "method=kd", "--sorted").code == 2


def test_the_best_is_first_and_the_other_way_round(several: list[Path], runs: Command) -> None:
    by = [run.top1 for run in in_order(entries([Path("runs")]), "top1")]
    assert by == sorted(by, reverse=True)
    assert [run.top1 for run in in_order(entries([Path("runs")]), "top1", reverse=True)] == by[::-1]
    assert [run.settings["sampler"].get("k") for run in in_order(entries([Path("runs")]), "sampler.k")][:2] == [8, 16]
    for age, folder in enumerate(several):
        changed(folder, finished=time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(time.time() - 7200 * age - 60)))
    assert [run.path for run in in_order(entries([Path("runs")]))] == several, "the latest"
    assert [line.split()[-1] for line in runs("list").lines[1:]] == ["1m", "2h", "4h", "6h"]


def test_a_setting_has_a_column_where_it_is_asked_for(several: list[Path], runs: Command) -> None:
    head, *lines = runs("list", "--show", "sampler.k", "--show", "teacher", "--sort", "sampler.k").lines
    assert head.split()[4:6] == ["sampler.k", "teacher"]
    assert [line.split()[4:6] for line in lines[:2]] == [["8", "resnet32x4"], ["16", "resnet32x4"]]
    assert {line.split()[4] for line in lines[2:]} == {"-"}
    assert "no run has a setting 'sampler.kk'; did you mean 'sampler.k'?" in runs("list", "--show", "sampler.kk").err


def test_json_is_one_list_of_all_that_is_shown(several: list[Path], runs: Command) -> None:
    listed = json.loads(runs("list", "sampler.k=16", "--json").out)
    assert len(listed) == 1
    assert listed[0]["path"] == str(several[3]) and listed[0]["state"] == "finished" and listed[0]["top1"] == 72.0
    assert listed[0]["percent_of_kd"] == pytest.approx(45.0) and listed[0]["train_seconds"] == 3600.0
    assert runs("list", "status=failed", "--json").out.strip() == "[]"


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_a_table_fits_the_terminal(several: list[Path], width: int) -> None:
    begun(Path("runs"), "a" * 12, failure="a cause that is told at length, and more of it, and then some more")
    lines = listing.table(in_order(entries([Path("runs")])), width)
    assert max(map(len, lines)) <= width
    assert all(name in line for name, line in zip(["run", "a" * 12], lines, strict=False))
    assert ("seed" in lines[0], "dataset" in lines[0]) == (width >= 80, width > 100), "what says least goes first"


def test_a_table_in_a_pipe_is_whole(several: list[Path], runs: Command) -> None:
    cause = "a cause that is told at length, " * 9
    begun(Path("runs"), "a" * 12, failure=cause)
    assert cause.strip() in runs("list").out


COMMAND = "python -m unix_exp.train experiment=unix pair=vgg13_vgg8 runs=elsewhere"


def test_a_finished_run_is_shown_with_the_line_that_repeats_it(several: list[Path], runs: Command) -> None:
    changed(several[2], command=COMMAND, settings__recipe__epochs=7)
    out = runs("show", str(several[2])).out
    assert "networks  resnet32x4 (74.00 %) -> shufflev2 on cifar100" in out
    assert [line.split() for line in out.splitlines() if line.startswith(("recipe.epochs", "sampler.k"))] == [
        ["sampler.k", "8", "48"], ["recipe.epochs", "7", "240"],
    ]  # fmt: skip
    assert "sampler.w" not in out, "is at its default"
    assert "test      72.00 %; best 72.20 % in epoch 238" in out
    assert "  python -m unix_exp.train experiment=unix pair=vgg13_vgg8 runs=DIR\n" in out
    assert "warning: student.safetensors is not here" in out
    changed(several[2], command="rm -rf / ; python -m unix_exp.train")
    assert "rm -rf" not in runs("show", str(several[2])).out


def test_an_unfinished_run_is_shown_with_the_line_that_continues_it(runs: Command) -> None:
    begun(Path("runs"), "a" * 12, epochs=4, failure="ValueError: no\n", before=f"# {COMMAND}\n")
    out = runs("show", "aaaa").out
    assert "after 4 epochs, of 20 in its recipe: ValueError: no" in out
    assert f"to continue it:\n  {COMMAND}\n" in out
    assert "test accuracy, 10.00 to 40.00 %:  ▁▃▆█" in out


def test_names_that_would_do_something_to_a_terminal_do_nothing(several: list[Path], runs: Command) -> None:
    changed(several[0], pair="\x1b[2Jgone", method="k\nd", hardware="\x1b]0;title\x07")
    for said in (runs("list"), runs("show", str(several[0])), runs("compare", str(several[0]), str(several[1]))):
        assert said.code == 0 and "\x1b" not in said.out and "\x07" not in said.out


def test_tags_are_kept_in_order_and_change_nothing_else(several: list[Path], runs: Command) -> None:
    before = read_run(several[0])
    assert runs("tag", "kd-s0", "paper", "b-2").out.endswith(": b-2 paper\n")
    assert runs("tag", "kd-s0", "paper", "first").out.endswith(": b-2 first paper\n")
    after = read_run(several[0])
    assert (after.result, after.epochs, after.flaws) == (before.result, before.epochs, [])
    assert runs("list", "tag=first", "--json").out.count('"paper"') == 1
    assert runs("tag", "kd-s0", "--remove", "b-2", "first", "paper").out.endswith(": no tags\n")
    assert not (several[0] / "tags.json").exists()
    (several[0] / "tags.json").write_text("[1, {")
    assert "warning: tags.json holds no tags" in runs("show", "kd-s0").out


def test_the_commands_import_nothing_heavy_and_a_closed_pipe_is_no_error(several: list[Path]) -> None:
    code = (
        "import sys; from unix_exp.runs.__main__ import main\n"
        "for words in (['list'], ['show', 'kd-s0'], ['compare', 'kd-s0', 'kd-s1'], ['list', 'pair=v*']):\n"
        "    sys.argv = ['runs', *words]; main()\n"
        "    print('heavy:', sorted({'torch', 'timm', 'wandb'} & set(sys.modules)), file=sys.stderr)\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert ended.returncode == 0 and ended.stderr.splitlines() == ["heavy: []"] * 4
