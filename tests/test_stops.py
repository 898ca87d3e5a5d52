"""Real signals at certain moments of real processes: the run is saved, and continued it ends as if nothing had been."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from common import TINY, Command, store_of
from pictures import paint_imagenet
from starter import Starter, records, same_run

import unix_exp
from unix_exp import stopping

ROOT = Path(__file__).parents[1]
CODE = Path(unix_exp.__file__).parents[1]
WORDS = (*TINY, "dataset.train_count=96", "runtime.threads=1", "recipe.epochs=3")
PLAIN = ("runtime.agreement=true",)
STEP, EVALUATION = "unix_exp.engine.step:Step.__call__", "unix_exp.engine.evaluate:evaluation_batch"
STEPS = 6  # of 96 images in batches of 16

MEMORY = (
    f"plugins=[{ROOT}/examples/warmed.py,{ROOT}/examples/memory.py]",
    "distiller=warmed", "recipe.epochs=2", "distiller.more_epochs=1", "sampler=memory",
)  # fmt: skip
CHOOSING = (f"plugins=[{ROOT}/tests/choosing.py]", "sampler=choosing")
STORED = ("experiment=recall_stored", "answers.views=2", "answers.jitter=1")


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with the teacher of all these runs."""
    return f"teachers={store_of(tmp_path_factory, 'longer', *WORDS)}"


@pytest.fixture(scope="module")
def plain(train: Starter, tmp_path_factory: pytest.TempPathFactory, teachers: str) -> Path:
    """The run that most of these signals come in, without them."""
    return undisturbed(train, tmp_path_factory.mktemp("plain"), (*WORDS, teachers, *PLAIN))


def undisturbed(train: Starter, tmp_path: Path, words: tuple[str, ...]) -> Path:
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    ended = train(folder, words)
    assert ended.code == 0, ended.said
    return folder


@pytest.mark.parametrize(
    ("words", "stops"),
    [
        (PLAIN, [(STEP, 1), (STEP, STEPS), (EVALUATION, 2), (STEP, 3)]),
        (MEMORY, [(STEP, 9), (STEP, STEPS)]),
        (CHOOSING, [(STEP, 2), (STEP, 4)]),
        (STORED, [("unix_exp.run.answers.making:Piece.write", 1), (STEP, STEPS + 2)]),
    ],
    ids=["in steps and in evaluation", "two stages and a memory", "a sampler that chooses", "while answers are made"],
)
def test_a_signal_at_any_moment_changes_no_bit(
    train: Starter, tmp_path: Path, teachers: str, plain: Path, words: tuple[str, ...], stops: list[tuple[str, int]]
) -> None:
    command = (*WORDS, teachers, *words)
    whole = plain if words is PLAIN else undisturbed(train, tmp_path, command)
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    for at, call in stops:
        ended = train(stopped, command, at=at, call=call, send=[signal.SIGTERM])
        assert ended.code == 75, (at, call, ended.said)
        assert ended.said.splitlines()[-1].startswith("stopped by SIGTERM"), ended.said
        assert ended.said.endswith("; the same command continues\n") and "Traceback" not in ended.said
        if at == STEP:
            assert "all saved" in ended.said
    ended = train(stopped, command)
    assert ended.code == 0, ended.said
    assert "continuing in epoch" in ended.said
    assert [one["epoch"] for one in records(stopped)] == [1, 2, 3]
    assert same_run(whole, stopped)


def test_images_read_from_the_disk_go_on_with_the_next_batch(train: Starter, tmp_path: Path) -> None:
    """Of an epoch that was stopped in the middle: the same images, cut alike, read by other workers."""
    large = paint_imagenet(tmp_path / "images", train=12)
    words = tuple(word for word in WORDS if not word.startswith("dataset"))
    words += (f"dataset.path={large}", "dataset=folder", "dataset.stream=true", "dataset.size=32", "recipe.batch=8",
              "experiment=random", "distiller=supervised", "criterion=ce", "dataset.workers=0")  # fmt: skip
    whole = undisturbed(train, tmp_path, words)
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    for call, workers in ((2, 1), (3, 0)):
        ended = train(stopped, (*words, f"dataset.workers={workers}"), at=STEP, call=call, send=[signal.SIGTERM])
        assert ended.code == 75 and "all saved" in ended.said, ended.said
    ended = train(stopped, words)
    assert ended.code == 0 and "continuing in epoch 2 after 2 of its steps" in ended.said, ended.said
    assert same_run(whole, stopped)


def test_a_signal_while_the_teacher_is_trained_saves_the_teacher(train: Starter, tmp_path: Path) -> None:
    whole = undisturbed(train, tmp_path, WORDS)
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    ended = train(stopped, WORDS, at=STEP, call=2, send=[signal.SIGUSR1])
    assert ended.code == 75 and "stopped by SIGUSR1 in epoch 1 after 2 of 6 steps, all saved" in ended.said
    assert list(stopped.glob("teachers/*/checkpoint.pt")) and not list(stopped.glob("*/*/failure.txt"))
    ended = train(stopped, WORDS)
    assert ended.code == 0 and "continuing in epoch 1 after 2 of its steps" in ended.said
    weights = [next(folder.glob("teachers/*/student.safetensors")).read_bytes() for folder in (whole, stopped)]
    assert weights[0] == weights[1]
    assert same_run(whole, stopped)


def test_a_killed_run_goes_on_from_the_middle_of_its_epoch(
    train: Starter, tmp_path: Path, teachers: str, plain: Path
) -> None:
    command = (*WORDS, teachers, *PLAIN, "runtime.checkpoint_minutes=0.00001")  # after every step
    killed = tmp_path
    assert train(killed, command, at=STEP, call=STEPS + 4, send=[signal.SIGKILL]).code == -9
    ended = train(killed, command)
    assert ended.code == 0 and "continuing in epoch 2 after 3 of its steps" in ended.said
    assert same_run(plain, killed)


@pytest.mark.parametrize(
    ("numbers", "code", "said"),
    [
        ([signal.SIGHUP], 75, "stopped by SIGHUP in epoch 1"),
        ([signal.SIGINT], 130, "interrupted in epoch 1"),
        ([signal.SIGINT] * 6, 130, "interrupted in epoch 1"),
        ([signal.SIGTERM, signal.SIGINT], 75, "stopped by SIGTERM in epoch 1"),
    ],
)
def test_a_signal_ends_a_whole_sweep(
    train: Starter, tmp_path: Path, teachers: str, numbers: list[int], code: int, said: str
) -> None:
    ended = train(tmp_path, (*WORDS, teachers, "seed=0,1", "-m"), at=STEP, call=3, send=numbers)
    assert ended.code == code, ended.said
    assert said in ended.said.splitlines()[-1] and "Traceback" not in ended.said
    assert "job 2" not in ended.said
    assert "interrupted: job 1 (" in ended.said


def command_line(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "unix_exp.train", *WORDS, *words], cwd=folder, text=True,
        env={**os.environ, "PYTHONPATH": str(CODE)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def test_a_step_that_does_not_end_is_ended_after_the_grace(train: Starter, tmp_path: Path, teachers: str) -> None:
    command = (*WORDS, teachers, "runtime.grace_seconds=0.5")
    ended = train(tmp_path, command, at=STEP, call=2, send=[signal.SIGTERM], pause=60)
    assert ended.code == 75, ended.said
    assert ended.said.splitlines()[-1] == (
        "stopped by SIGTERM, and not done after 0.5 s; the last checkpoint is kept; the same command continues"
    )


def test_a_second_ctrl_c_ends_at_once(train: Starter, tmp_path: Path, teachers: str) -> None:
    twice = [signal.SIGINT, signal.SIGINT]
    ended = train(tmp_path, (*WORDS, teachers), at=STEP, call=2, send=twice, pause=0.5)
    assert ended.code == 130, ended.said
    assert "Traceback" not in ended.said
    assert ended.said.splitlines()[-1].startswith("interrupted at once; the last checkpoint is kept")


def hears(process: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal."""
    caught = re.search(r"SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{process}/status").read_text())
    return caught is not None and bool(int(caught[1], 16) >> (number - 1) & 1)


def test_six_times_ctrl_c_before_it_trains_is_one(tmp_path: Path) -> None:
    process = command_line(tmp_path)
    while process.poll() is None and not hears(process.pid, signal.SIGUSR1):  # before, Python's own handler ends it
        time.sleep(0.01)
    for _ in range(6):
        process.send_signal(signal.SIGINT)
        time.sleep(0.003)
    said = process.communicate(timeout=30)[0]
    assert process.returncode == 130 and "Traceback" not in said, said


def test_an_error_of_cleaning_up_does_not_stand_for_the_stop(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Hydra, which closes in `finally` a file that a signal kept it from opening."""

    def read(words: object) -> None:
        try:
            raise stopping.Stopped(signal.SIGTERM)
        finally:
            raise UnboundLocalError("cannot access local variable 'f'")

    monkeypatch.setattr("unix_exp.train.check_one_sweep", read)
    said = command(*TINY)
    assert said.code == 75 and said.err == "\nstopped by SIGTERM; the same command continues\n"
    with pytest.raises(ZeroDivisionError), stopping.kept():
        raise ZeroDivisionError


def test_a_signal_while_the_end_is_told_changes_nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(interrupted: bool = False) -> int:
        signal.raise_signal(signal.SIGTERM)
        print("the table of a sweep")
        return 0

    monkeypatch.setattr("unix_exp.train.launch", lambda *_: None)
    monkeypatch.setattr("unix_exp.train.conclude", told)
    said = command(*TINY)
    assert (said.code, said.out, said.err) == (0, "the table of a sweep\n", "")


def test_a_python_program_keeps_its_own_signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    for _ in unix_exp.fit(*WORDS, "distiller=supervised", "recipe.epochs=2"):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
