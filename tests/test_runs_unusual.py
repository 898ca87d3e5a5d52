"""python -m unix_exp.runs on folders that no run leaves behind, and on runs that were begun in other ways."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Command
from made_runs import changed, made
from test_runs_at_hand import begun

from unix_exp.report.blocks import Code
from unix_exp.report.run_page import command
from unix_exp.report.runs import Run
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
