"""Training commands as processes of their own that begin at once, and that die where they are told to.

Importing PyTorch takes seconds, so one process imports it and each command is a fork of that one. What kills a command
is a thread in its own process: on a busy machine it is as slow as what it watches, so that a moment is one of the
training and not of a clock.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent))  # the tests' own helpers, as pytest finds them

from forking import PACKAGE, ask, client, serve
from words import TINY

PATIENCE = 300  # seconds, of a command that hangs


class Ended(NamedTuple):
    code: int  # as a shell sees it; -9: killed
    said: str


class Starter:
    """Types `python -m unix_exp.train WORDS` in a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.python = place / "python"  # for other commands that are to be forks of it; see forking.py

    @cached_property
    def package(self) -> Path:
        """Where it imported the package from."""
        return Path(ask(self.place, PACKAGE))

    def __call__(
        self,
        folder: Path,
        words: Sequence[str],
        kill_after: float | None = None,
        at: str = "",
        call: int = 1,
        send: Sequence[int] = (),
        pause: float = 0,
        to: Literal["self", "workers", "all"] = "self",
        most_bytes: int | None = None,
        after: tuple[int, float] | None = None,
    ) -> Ended:
        """Wait for its end. `kill_after` is in epochs: 2.3 is 0.3 of an epoch's time after the second was recorded.

        `send` are signals that it, or its workers, get in a certain call of the function `at`, "module:name", which
        then pauses; from then on no file may get longer than `most_bytes`, as on a full disk. With `after` they come
        so many seconds after so many events of its folder.
        """
        said = folder / "said.txt"
        order = {
            "folder": str(folder), "words": list(words), "said": str(said), "kill_after": kill_after,
            "at": at, "call": call, "send": list(send), "pause": pause, "to": to, "most_bytes": most_bytes,
            "after": after,
        }  # fmt: skip
        return Ended(int(ask(self.place, order)), said.read_text())


@contextmanager
def starter(code: Path) -> Iterator[Starter]:
    """Commands of the package that lies in this folder."""
    environment = {**os.environ, "PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="starter") as place:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-P" if sys.version_info >= (3, 11) else "-B", __file__, place],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None and process.stdout.readline(), "it ended before it was asked anything"
            client(Path(place))
            yield Starter(Path(place))
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(PATIENCE)


def moment(after: int, until: int) -> float:
    """A random one, in the middle of an epoch as well as while its checkpoint is written."""
    return random.SystemRandom().uniform(after, until)


def lines_in(path: Path) -> list[dict[str, Any]]:
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    return [json.loads(line) for line in whole.splitlines()]


def records(folder: Path) -> list[dict[str, Any]]:
    return [line for path in folder.glob("runs/*/metrics.jsonl") for line in lines_in(path)]


def count_lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:  # in this moment
        return 0


def events(folder: Path) -> list[str]:
    """What was recorded below a folder so far: epochs of teachers and of runs, views of answers, results."""
    epochs = {"teacher": "teachers/*/metrics.jsonl", "run": "runs/*/metrics.jsonl"}
    counts = {kind: sum(count_lines(path) for path in folder.glob(pattern)) for kind, pattern in epochs.items()}
    found = [kind for kind, count in counts.items() for _ in range(count)]
    found += ["view" for _ in folder.glob("answers/*/view-*.json")]
    return found + ["result" for _ in folder.glob("*/*/result.json")]


def same_run(one: Path, other: Path) -> bool:
    """Whether two folders hold the same run: weights, records and what was analysed."""
    first, second = (next(folder.glob("runs/*/result.json")).parent for folder in (one, other))
    assert first.name == second.name
    for name in ("student.safetensors", "analysis.jsonl", "looks.json"):
        if (first / name).read_bytes() != (second / name).read_bytes():
            return False
    values = [read(folder / "images.safetensors") for folder in (first, second)]  # of a method that has some
    if values[0] != values[1]:
        return False
    ours, theirs = (
        [{name: value for name, value in line.items() if not name.startswith("time/")} for line in records(folder)]
        for folder in (one, other)
    )
    return ours == theirs


def read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def train_in_a_fork(order: dict[str, Any]) -> None:
    """The child: never returns."""
    import threading

    os.chdir(order["folder"])
    out = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    printer = None
    if order["most_bytes"] is not None:  # what is said is not to be limited
        printer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=out)
        assert printer.stdin is not None
        out = printer.stdin.fileno()
    os.dup2(out, 1), os.dup2(out, 2)
    signal.alarm(PATIENCE)
    sys.argv = ["unix-exp", *order["words"]]

    def watch() -> None:
        whole, part = divmod(order["kill_after"], 1)
        while len(found := records(Path())) < whole:
            time.sleep(0.001)
        time.sleep(part * (found[-1]["time/epoch_seconds"] if found else 0.1))
        os.kill(os.getpid(), signal.SIGKILL)

    def strike() -> None:
        count, seconds = order["after"]
        while len(events(Path())) < count:
            time.sleep(0.02)  # seldom enough not to slow down what it watches
        time.sleep(seconds)
        for number in order["send"]:
            os.kill(os.getpid(), number)

    if order["after"] is not None:
        threading.Thread(target=strike, daemon=True).start()
    if order["at"]:
        arrange(order)
    if order["kill_after"] is not None:
        threading.Thread(target=watch, daemon=True).start()
    from unix_exp import train

    code = 1
    try:
        train.main()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        if printer is not None and printer.stdin is not None:
            printer.stdin.close()
            os.close(1), os.close(2)
            printer.wait()
        os._exit(code)


def arrange(order: dict[str, Any]) -> None:
    """Let signals come, or the disk be full, in the middle of a certain call."""
    import importlib
    import resource

    module, _, name = order["at"].partition(":")
    *owners, name = name.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    real, calls = getattr(owner, name), itertools.count(1)

    def disturbed(*arguments: Any, **named: Any) -> Any:
        if next(calls) == order["call"]:
            if order["most_bytes"] is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (order["most_bytes"], resource.RLIM_INFINITY))
            for number in order["send"]:
                workers = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
                for process in {"self": [], "workers": workers, "all": workers}[order["to"]]:
                    os.kill(int(process), number)
                if order["to"] != "workers":
                    os.kill(os.getpid(), number)
                time.sleep(order["pause"])
        return real(*arguments, **named)

    setattr(owner, name, disturbed)


def warm_up() -> None:
    """Type what most tests type, so that they find what PyTorch and Hydra prepare when they are first used.

    Their images have the same size, for which convolutions are compiled, their choices are composed already, and what
    a trial finds of their methods is known.
    """
    import trials

    from unix_exp import train

    trials.shared()
    here, typed = os.getcwd(), sys.argv
    sys.argv = ["unix-exp", *TINY]
    with tempfile.TemporaryDirectory() as place, open(os.devnull, "w") as nothing, redirect_stdout(nothing):
        os.chdir(place)
        try:
            train.main()
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError("what most tests type does not train") from ended
        os.chdir(here)
    sys.argv = typed


def prepare() -> str:
    """All that takes time; where the package was imported from."""
    # What many trainings import sooner or later.
    import tabulate  # noqa: F401  # type: ignore[import-untyped]
    import torch._dynamo
    import torchvision.transforms.v2  # noqa: F401

    import unix_exp.run.perform

    if not torch.cuda.is_available():  # a process with a GPU's threads cannot be forked
        warm_up()
    return str(Path(unix_exp.__file__).parent)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), prepare, train_in_a_fork)
