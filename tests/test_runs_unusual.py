"""python -m unix_exp.runs on folders that no run leaves behind, and on runs that were begun in other ways."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from common import Command
from made_runs import changed, made
from test_runs_at_hand import begun

from unix_exp.cli import help_on
from unix_exp.cli.explained import Setting
from unix_exp.report import run_settings
from unix_exp.report.blocks import Code
from unix_exp.report.run_page import command
from unix_exp.report.runs import Run
from unix_exp.runs import entries, showing
from unix_exp.runs.__main__ import main


@pytest.fixture
def runs(typed: Callable[[Callable[[], None]], Command]) -> Command:
    return typed(main)


@pytest.fixture
def at_most_20_seconds() -> Iterator[None]:
    def end(*_: object) -> None:
        pytest.fail("it did not end")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_records_that_are_no_files_hold_no_epochs_and_a_list_ends(runs: Command, at_most_20_seconds: None) -> None:
    for number, name in enumerate(("metrics.jsonl", "tags.json", "config.yaml", "result.json", ".lock")):
        folder = begun(Path("runs"), f"{number}" * 12, epochs=3)
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)
    lines = {one.split()[0]: one.split() for one in runs("list").lines[1:]}
    assert lines["0" * 12][6] == "0" and lines["1" * 12][6] == "3" and len(lines) == 5


def test_the_last_epoch_of_a_long_record_is_found_at_its_end(runs: Command) -> None:
    folder = begun(Path("runs"), "a" * 12, epochs=3000)
    assert (folder / "metrics.jsonl").stat().st_size > 2**16 and runs("list").lines[1].split()[6] == "3000"


@pytest.mark.parametrize("absolute", [False, True])
def test_a_run_is_not_removed_through_a_link(runs: Command, absolute: bool) -> None:
    run = made(Path("runs"), "kd")
    Path("bad").mkdir()
    Path("bad/link").symlink_to(Path("runs").absolute(), target_is_directory=True)
    here = Path.cwd() if absolute else Path()
    for words in ([str(here / "bad/link" / run.name)], ["--in", str(here / "bad/link"), "method=kd"]):
        said = runs("remove", *words, "--yes")
        assert (
            said.code == 2 and f"bad/link is a link, and links are not followed; the run is {run.resolve()}" in said.err
        )
    assert (run / "result.json").exists()
    assert runs("remove", str(run.resolve()), "--yes").out == "removed 1 run\n"


def test_a_removal_that_was_interrupted_is_named_and_ended(runs: Command) -> None:
    gone, kept = made(Path("runs/deeper"), "kd"), made(Path("runs"), "unix")
    gone.rename("aside")
    for words in ([], [gone.name], [str(gone)], ["method=random"], [kept.name]):
        left = gone.with_name(f".{gone.name}.removing")
        left.mkdir()
        (left / "student.safetensors").touch()
        assert f"a removal was interrupted and left {left}; python -m unix_exp.runs remove" in runs("list").err
        said = runs("remove", *words, "--yes")
        assert f"removed what an interrupted removal left of {gone.name}\n" in said.out and not left.exists()
        assert said.code == (0 if words != ["method=random"] else 2), "no other run fits"
    assert not kept.exists() and list(Path("runs").rglob("*")) == [Path("runs/deeper")]


def test_a_hidden_folder_that_was_no_run_stays(runs: Command) -> None:
    for name in ("notes", made(Path("elsewhere/runs"), "kd").name):
        folder = Path(f"runs/.{name}.removing")
        folder.mkdir(parents=True)
        (folder / "thesis.tex").touch()
    Path("elsewhere/.notes.removing").mkdir()
    runs("remove", "--yes")
    runs("remove", "elsewhere/runs", "elsewhere/notes", "--yes")
    assert sorted(Path("runs").iterdir()) == [Path("runs/.notes.removing")]
    assert Path("elsewhere/.notes.removing").exists()


@pytest.mark.parametrize("folder", ["", " runs=elsewhere", " 'runs=a b' seed=1"])
def test_the_page_of_a_run_and_the_terminal_show_one_line_that_repeats_it(runs: Command, folder: str) -> None:
    run = changed(made(Path("runs"), "kd"), command=f"python -m unix_exp.train experiment=kd{folder}")
    code = command(Run(run, {}, json.loads((run / "result.json").read_text())))
    assert isinstance(code, Code) and code.text.endswith(" runs=DIR")
    assert f"\n  {code.text}\n" in runs("show", str(run)).out


@pytest.mark.parametrize(
    ("folder", "pair", "method"),
    [
        ("vgg13_vgg8-cifar100-unix-views4-s3-aaaaaaaaaaaa", "vgg13_vgg8", "unix-views4"),
        ("vgg8-cifar100-supervised-s3-aaaaaaaaaaaa", "vgg8", "supervised"),  # whose teacher is not asked
        ("my-run", "vgg13_vgg8", "offline-unix-kd"),
        ("other-cifar100-kd-s3-aaaaaaaaaaaa", "vgg13_vgg8", "offline-unix-kd"),
    ],
)
def test_pair_and_method_of_an_unfinished_run_are_those_of_its_settings(
    runs: Command, folder: str, pair: str, method: str
) -> None:
    begun(Path("runs"), "a" * 12).rename(Path("runs") / folder)
    (run,) = entries([Path("runs")])
    assert (run.pair, run.method, run.state) == (pair, method, "unfinished")
    settings = run.path / "config.yaml"
    settings.write_text(settings.read_text() + "method: mine\n")
    (run,) = entries([Path("runs")])
    assert run.method == (method if folder.startswith("vgg") else "mine")


def test_an_unfinished_run_is_compared_by_its_epochs_so_far(runs: Command) -> None:
    kd = changed(made(Path("runs"), "kd"), steps=2000)
    run = begun(Path("runs"), "a" * 12)
    (run / "config.yaml").write_text(json.dumps(json.loads((kd / "result.json").read_text())["settings"]))
    costs = {"cost/total_gflops": 50.0, "cost/total_gflops_backward_2": 70.0, "cost/backward_gflops": 20.0}
    lines = [
        {"epoch": epoch, "test/top1": top1, "cost/percent_of_kd": 12.5, "time/train_seconds": 60.0 * epoch, **costs}
        for epoch, top1 in ((1, 30.0), (2, 20.0))
    ]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = runs("compare", "aaaa", "kd").out
    assert "not comparable: one is unfinished\n" in out, "and not of another length, which is not known"
    result = out[out.index("\nresult") :].split("\n\n")[0]
    found = {line[:16].strip(): line[16:].split() for line in result.splitlines()[1:]}
    assert found["test %"][0] == "20.00" and found["best %"][0] == "30.00"
    assert found["compute % of KD"][0] == "12.50" and found["time"][:2] == ["2m", "00s"]
    gflops = [line.split() for line in result.splitlines() if line.startswith("GFLOPs")]
    assert gflops[-1][1:3] == ["total", "50"] and ["backward", "20"] in [line[1:3] for line in gflops]
    assert not any("2" in line[1:3] for line in gflops), "the total by another rule is no part"


def test_a_total_stands_behind_what_it_is_the_sum_of(runs: Command) -> None:
    costs = {"total_gflops": 5.0, "scout_gflops": 1.0, "total_gflops_backward_2": 7.0, "backward_gflops": 4.0}
    for method in ("kd", "unix"):
        changed(made(Path("runs"), method), cost__gflops=costs)
    shown = runs("show", "kd").out.split("compute:\n")[1].split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in shown[1:]] == ["scout", "backward", "total"]
    compared = [line.split()[1] for line in runs("compare", "kd", "unix").lines if line.startswith("GFLOPs,")]
    assert compared == ["scout", "backward", "total"]


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        (None, "null"),
        ([None, True], "[null,true]"),
        ({"a": [False, 1.0]}, "{a:[false,1.0]}"),
        ("a b", "a b"),
        ((), "[]"),
    ],
)
def test_a_setting_is_written_everywhere_as_it_is_typed(value: object, typed: str) -> None:
    setting = Setting("x", "a list", "", "", None)
    assert next(help_on.lines_of("x", setting, value)).endswith(f" x={typed}")
    assert showing.text(value) == typed
    assert run_settings.settings_of(Run(Path(), {"of": {"x": value}}, {})) == (
        {"of.x.a": "[false,1.0]"} if isinstance(value, dict) else {"of.x": typed}
    )
