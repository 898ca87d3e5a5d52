"""What became of a sweep's jobs, whichever process or machine ran them."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from unix_exp import stopping
from unix_exp.cli.errors import in_one_line
from unix_exp.cli.search import Value, best
from unix_exp.run.foreign import parsed, text_of
from unix_exp.types import Relayed
from unix_exp.words import counted

if TYPE_CHECKING:
    from unix_exp.run.perform import Outcome

VARIABLE = "UNIX_EXP_OUTCOMES"  # launchers hand the environment on to their processes
OF_A_SWEEP = "UNIX_EXP_OF_A_SWEEP"  # set where a cluster's job starts a run: another sweep may have the same
MONTH = 30 * 24 * 3600  # seconds; longer than any job takes, so that no running sweep loses its file


class BeginOutcomes(Callback):
    """Called by Hydra before a sweep's first job, in the process of the command."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        # Beside the runs, because that folder is what the nodes of a cluster share.
        folder = Path(config.runs).expanduser().absolute() / ".sweeps"
        # Nodes of a cluster have processes of the same number.
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{socket.gethostname()}-{os.getpid()}"
        os.environ[VARIABLE] = str(folder / f"{name}.jsonl")
        if follows():
            return
        for left in folder.glob("*.jsonl"):  # of sweeps that were killed
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > MONTH:
                    left.unlink()


def follows() -> bool:
    """Whether another process of torchrun is the one that prints and writes."""
    return int(os.environ.get("RANK", 0)) > 0


class Outcomes:
    """Two lines for every job, one when it begins and one when it ends, in a file that all jobs append to."""

    deferred: BaseException | None = None  # a single run is in this process, so its error can wait here
    unwritten: ClassVar[list[dict[str, Any]]] = []  # of a process that follows another one

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_this_sweep(cls) -> Outcomes | None:
        return cls(Path(os.environ[VARIABLE])) if VARIABLE in os.environ else None

    @contextmanager
    def noting(self, job: int, words: str) -> Iterator[Callable[[Outcome, Value | None], None]]:
        """Record how a job ends; an error is printed and recorded, and does not stop the other jobs."""
        try:
            self._append({"job": job, "words": words})
            with stopping.kept():
                yield lambda outcome, value: self.note_done(job, words, outcome.folder, value)
        except Exception as error:
            if of_this_process_alone(error):
                raise  # the other processes still wait for this one, and torchrun ends them
            message = in_one_line(error)
            if not follows():
                if message is None:
                    traceback.print_exc()
                print(f"error: {message or named(error)}", file=sys.stderr, flush=True)
            with suppress(OSError):  # the folder of the runs cannot be written to, and the error says so
                self.note_failed(job, words, message or named(error))

    def note_done(self, job: int, words: str, folder: Path, value: Value | None = None) -> None:
        """`value` is what a search goes by."""
        searched = {"value": value} if value is not None else {}
        self._append({"job": job, "words": words, "folder": str(folder), **searched})

    def note_failed(self, job: int, words: str, why: str) -> None:
        self._append({"job": job, "words": words, "error": why})

    def note_left(self, job: int, words: str) -> None:
        """With fail_fast: it was not begun, because another one had failed."""
        self._append({"job": job, "words": words, "left": True})

    def note_submitted(self, job: int, words: str, where: str) -> None:
        self._append({"job": job, "words": words, "submitted": where})

    def one_failed(self) -> bool:
        return (follows() or self.path.exists()) and any("error" in line for line in self._last_lines())

    @classmethod
    @contextmanager
    def deferring_errors(cls) -> Iterator[None]:
        """Keep a single run's error until its launcher has returned: the launcher would print it too."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            cls.deferred = error

    @classmethod
    def raise_deferred(cls) -> None:
        if (error := cls.deferred) is not None:
            cls.deferred = None
            raise error

    def _append(self, line: dict[str, Any]) -> None:
        if follows():
            self.unwritten.append(line)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _last_lines(self) -> list[dict[str, Any]]:
        """The last line of each job."""
        if follows():
            return list({line["job"]: line for line in self.unwritten}.values())
        jobs: dict[int, dict[str, Any]] = {}
        for line in text_of(self.path).splitlines():
            with suppress(ValueError, TypeError, KeyError):  # a killed process may have left half a line
                noted = parsed(line)
                jobs[noted["job"]] = noted
        return [jobs[number] for number in sorted(jobs)]

    def conclude(self, interrupted: bool = False) -> int:
        """Print what became of a sweep's jobs; the exit code: 0 where none failed."""
        if follows():
            return 0  # what failed ends the first process with its code, once it has told
        if not self.path.exists():
            return 2  # no job could begin, and the reason has been printed
        from unix_exp.report.table import table

        ended = self._last_lines()
        self.path.unlink()
        done: dict[str, str] = {}  # words by folder: two jobs may be one run
        for job in ended:
            if "folder" in job:
                done.setdefault(job["folder"], job["words"])
        if done:
            print("\n" + table([Path(folder) for folder in done], list(done.values())))
        if searched := [job for job in ended if "value" in job]:
            print("\n" + "\n".join(best([job["words"] for job in searched], [job["value"] for job in searched])))
        others = [job for job in ended if not {"folder", "submitted", "left"} & job.keys()]
        for job in others:
            name = f"job {job['job'] + 1} ({job['words']})"
            if interrupted and "error" not in job:
                print(f"interrupted: {name}", file=sys.stderr)
            else:
                print(f"failed: {name}: {job.get('error', 'its process died')}", file=sys.stderr)
        if left := sum("left" in job for job in ended):
            begun = f"the same command begins {'it' if left == 1 else 'them'}"
            print(f"not begun, because of fail_fast: {counted(left, 'job')}; {begun}", file=sys.stderr)
        return 1 if others or left else 0


def named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def of_this_process_alone(error: Exception) -> bool:
    """Whether the other processes that torchrun has started do not know of it: it happened after they met, and here."""
    together = sys.modules.get("torch.distributed")
    known = isinstance(error, Relayed) or getattr(error, "relayed", False)
    return together is not None and together.is_initialized() and not known
