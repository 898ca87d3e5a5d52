"""The jobs of a sweep: killed, interrupted, side by side, and what is said when they have ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from common import Command
from forking import process_of
from starter import Starter

import unix_exp
from unix_exp.cli.outcomes import Outcomes

SMALL = ("sweep=demo", "scale=smoke", "logger=none")
HERE = {**os.environ, "PYTHONPATH": str(Path(unix_exp.__file__).parents[1]), "OMP_NUM_THREADS": "1"}


def test_a_killed_sweep_goes_on_where_it_stopped(train: Starter, tmp_path: Path) -> None:
    """Killed when two runs and a teacher have their epochs and a result each."""
    assert train(tmp_path, SMALL, send=[signal.SIGKILL], after=(8, 0)).code == -signal.SIGKILL
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/result.json")}
    assert 2 <= len(done) < 5, "it was killed half way"
    again = train(tmp_path, SMALL)
    assert again.code == 0 and again.said.count(" is finished: ") == len(done), again.said
    assert all(path.stat().st_mtime_ns == written for path, written in done.items())
    assert len(list(tmp_path.glob("runs/*/result.json"))) == 5


def test_a_setting_that_only_methods_of_the_grid_have_reaches_every_job(command: Command) -> None:
    pad = ("sweep=pad_gamma", "scale=smoke", "teacher=resnet8", "student=resnet8", "seed=0", "logger=none")
    said = command(*pad, "experiment=pad_focal,pad_inverse_focal", "distiller.gamma=0.5", "distiller.beta=3")
    assert said.code == 0, said.err
    results = [json.loads(path.read_text()) for path in Path("runs").glob("*/result.json")]
    settings = [result["settings"]["distiller"] for result in results]
    assert {(one["weighting"], one["gamma"], one["beta"]) for one in settings} == {
        ("focal", 0.5, 3), ("inverse_focal", 0.5, 3),
    }  # fmt: skip
    assert all("distiller.beta=3" in result["command"] for result in results)


def listening() -> None:
    """Ctrl-C is heard, as on a terminal: what a script starts in the background is told to ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_sweep_tells_what_is_done_and_leaves_nothing_behind(forked: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-W", "ignore", "-m", "unix_exp.train", *SMALL, "experiment=scratch,kd"]
    process = subprocess.Popen(
        [*words, "recipe.epochs=1,5000"], cwd=tmp_path, env=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, preexec_fn=listening,
    )  # fmt: skip

    def long_run_goes_on() -> bool:
        return any(len(path.read_text().splitlines()) > 2 for path in tmp_path.glob("runs/*/metrics.jsonl"))

    while process.poll() is None and not long_run_goes_on():
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "resnet8  scratch" in out[out.index("pair ") :]
    assert "interrupted: job 2 (experiment=scratch" in err
    assert err.splitlines()[-1].startswith("interrupted in epoch ")
    assert err.splitlines()[-1].endswith(", all saved; the same command continues")
    assert "Traceback" not in err
    assert not list(tmp_path.glob("runs/.sweeps/*"))


def test_two_sweeps_at_once_share_their_runs(forked: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-W", "ignore", "-u", "-m", "unix_exp.train", *SMALL, "experiment=scratch",
             "recipe.epochs=30"]  # fmt: skip
    first = subprocess.Popen(words, cwd=tmp_path, env=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        while first.poll() is None and not list(tmp_path.glob("runs/*/config.yaml")):
            time.sleep(0.005)
        os.kill(process_of(forked, first.pid), signal.SIGSTOP)  # it holds the run's folder
        second = subprocess.Popen(
            words, cwd=tmp_path, env=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert second.stdout is not None
        assert any("waiting for the process at work in runs/" in line for line in second.stdout)
    finally:
        os.kill(process_of(forked, first.pid), signal.SIGCONT)
    ours, theirs = first.communicate()[0], second.communicate()[0]
    assert (first.returncode, second.returncode) == (0, 0), ours + theirs
    assert " is finished: " in theirs
    assert theirs.count("resnet8  scratch") == 1


def test_two_jobs_at_once_share_a_teacher_that_one_of_them_trained(forked: Path, tmp_path: Path) -> None:
    words = (*SMALL, "experiment=kd,unix", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "unix_exp.train", *words], cwd=tmp_path, env=HERE,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("teacher, seed 1000") <= 2
    assert len(list(tmp_path.glob("teachers/*-s*"))) == 1
    assert "resnet20_resnet8  kd " in done.stdout, "jobs of other processes are in the table"
    assert not list(tmp_path.glob("runs/.sweeps/*"))


def test_a_job_whose_process_died_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = Outcomes(tmp_path / "sweep.jsonl")
    with outcomes.noting(0, "seed=0"):
        raise ValueError("all is lost")
    outcomes._append({"job": 1, "words": "seed=1"})
    assert outcomes.conclude() == 1
    said = capsys.readouterr().err
    assert "failed: job 1 (seed=0): ValueError: all is lost" in said
    assert "failed: job 2 (seed=1): its process died" in said


@pytest.mark.parametrize("fail_fast", ["true", "false"])
def test_a_failed_run_ends_the_sweep_only_if_asked(command: Command, fail_fast: str) -> None:
    words = (*SMALL, "experiment=kd,scratch,unix", "teacher.checkpoint=nowhere.pth", f"fail_fast={fail_fast}")
    said = command(*words)
    assert said.code == 1 and "failed: job 1 (experiment=kd" in said.err
    begun = fail_fast == "false"
    assert ("job 2" in said.out) == ("experiment=unix" in said.err) == begun
    assert ("not begun, because of fail_fast: 2 jobs; the same command begins them" in said.err) != begun
    assert len(list(Path("runs").glob("*/result.json"))) == begun


def test_a_line_that_a_kill_cut_short_hides_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = Outcomes(tmp_path / "sweep.jsonl")
    outcomes._append({"job": 0, "words": "seed=0"})
    with outcomes.path.open("a") as file:
        file.write('7\n{"job": 1, "wor')
    assert outcomes.conclude() == 1
    assert "failed: job 1 (seed=0): its process died" in capsys.readouterr().err
    assert not outcomes.path.exists()


def test_a_sweep_takes_away_what_killed_ones_left_long_ago(command: Command) -> None:
    folder = Path("runs/.sweeps")
    folder.mkdir(parents=True)
    for name, age in (("old", 40), ("young", 4)):
        (folder / f"{name}.jsonl").touch()
        os.utime(folder / f"{name}.jsonl", (0, time.time() - age * 24 * 3600))
    assert command(*SMALL, "experiment=scratch").code == 0
    assert [path.name for path in folder.iterdir()] == ["young.jsonl"]
