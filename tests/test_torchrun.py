"""torchrun -m unix_exp.train: several processes, one run; killed and continued, by any number of processes.

Launchers and workers are forks of a process that has imported PyTorch; `make test-long` starts one as it is typed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from common import TINY, Command
from forking import process_of
from PIL import Image


def torchrun(count: int, *words: str, options: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    line = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nproc-per-node={count}",
        "--standalone",
        *options,
        "-m",
        "unix_exp.train",
        *words,
    ]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=os.environ | {"OMP_NUM_THREADS": "1"})  # fmt: skip


def the_run(runs: str) -> Path:
    (folder,) = Path(runs).iterdir()
    return folder


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["train/loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("start", ["forked", pytest.param("as typed", marks=pytest.mark.long)])
def test_two_processes_are_one_run(tiny: Command, start: str, request: pytest.FixtureRequest) -> None:
    if start == "forked":
        request.getfixturevalue("forked")
    assert tiny("runs=one").code == 0
    two = torchrun(2, *TINY, "runs=two")
    out, err = two.communicate(timeout=240)
    assert two.returncode == 0, err
    one, both = the_run("one"), the_run("two")
    assert both.name == one.name, "the number of processes is no part of the identity"
    assert losses(both) == pytest.approx(losses(one), rel=1e-3)
    assert out.count(" images a step: ") == 1, "one process prints"
    assert out.count("this method's counted compute is 1") == 1, "a look costs too much of two that are alike"
    assert json.loads((both / "result.json").read_text())["hardware"].startswith("2 x ")
    assert tiny("runs=two").out.count("is finished") == 1


def test_a_process_that_dies_is_replaced_and_any_number_of_processes_continues(forked: Path, tiny: Command) -> None:
    """One start again is allowed; the second death ends the command, and one process does the rest."""
    words = ("recipe.epochs=9", "student=resnet8")
    assert tiny(*words, "runs=one").code == 0
    two = torchrun(2, *TINY, *words, "runs=two", options=("--max-restarts=1",))
    launcher = process_of(forked, two.pid)
    first = kill_a_worker_after_an_epoch(launcher)
    kill_a_worker_after_an_epoch(launcher, dead=first)
    _, err = two.communicate(timeout=240)
    assert two.returncode != 0 and not (the_run("two") / "result.json").exists(), err

    continued = tiny(*words, "runs=two")
    assert continued.code == 0 and "continuing after epoch" in continued.out
    lines = (the_run("two") / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 10))
    assert losses(the_run("two")) == pytest.approx(losses(the_run("one")), rel=0.1)


def test_a_signal_ends_all_after_the_same_step_with_everything_saved(forked: Path, tiny: Command) -> None:
    words = (*TINY, "student=resnet8", "recipe.epochs=40", "runs=two")
    two = torchrun(2, *words)
    after_an_epoch()
    two.send_signal(signal.SIGTERM)
    _, err = two.communicate(timeout=240)
    assert "stopped by SIGTERM in epoch" in err and "all saved" in err, err
    lines = (the_run("two") / "metrics.jsonl").read_text().splitlines()
    assert 0 < len(lines) < 40


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def workers(launcher: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()]


def kill_a_worker_after_an_epoch(launcher: int, dead: Sequence[int] = ()) -> list[int]:
    """Once the dead ones are replaced; returns all that are at work."""
    until(lambda: workers(launcher) and not set(dead) & set(workers(launcher)), "they have begun")
    after_an_epoch()
    at_work = workers(launcher)
    os.kill(at_work[-1], signal.SIGKILL)
    return at_work


def saved_at() -> int:
    return max((path.stat().st_mtime_ns for path in Path("two").glob("*/checkpoint.pt")), default=0)


def after_an_epoch() -> None:
    before = saved_at()
    until(lambda: saved_at() > before, "an epoch ended")


def test_a_mistake_is_printed_once(forked: Path, tiny: Command) -> None:
    two = torchrun(2, *TINY, "recipe.batch=1000")
    _, err = two.communicate(timeout=240)
    assert two.returncode != 0
    assert err.count("error: recipe.batch is 1000") == 1


def test_images_read_from_the_disk_are_read_once_and_seen_by_all(
    forked: Path, command: Command, tmp_path: Path
) -> None:
    """The miniature of an image set that is too large to hold, with uneven batches of test and validation images."""
    colours = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
    for half, count in (("train", 11), ("val", 5)):
        for name, colour in colours.items():
            folder = tmp_path / "images" / half / name
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (40, 40 + number), tuple(min(255, one + 5 * number) for one in colour)).save(
                    folder / f"{number}.png"
                )
    words = tuple(word for word in TINY if not word.startswith("dataset"))
    words += ("dataset=folder", "dataset.path=images", "dataset.stream=true", "dataset.size=32", "dataset.workers=0",
              "dataset.val=0.3", "experiment=random", "student=resnet8")  # fmt: skip
    assert command(*words, "runs=one").code == 0
    two = torchrun(2, *words, "runs=two")
    _, err = two.communicate(timeout=240)
    assert two.returncode == 0, err
    assert losses(the_run("two")) == pytest.approx(losses(the_run("one")), rel=1e-3)
    results = [json.loads((the_run(runs) / "result.json").read_text()) for runs in ("one", "two")]
    assert [result["val"]["images"] for result in results] == [9, 9]
    assert [result["last"]["epoch"] for result in results] == [1, 1]
