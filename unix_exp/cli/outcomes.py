"""What became of a sweep's jobs, whichever process or machine ran them."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from unix_exp.cli.errors import in_one_line
from unix_exp.run.foreign import parsed, text_of

if TYPE_CHECKING:
    from unix_exp.run.perform import Outcome

VARIABLE = "UNIX_EXP_OUTCOMES"  # launchers hand the environment on to their processes
MONTH = 30 * 24 * 3600  # seconds; longer than any job takes, so that no running sweep loses its file


class BeginOutcomes(Callback):
    """Called by Hydra before a sweep's first job, in the process of the command."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        # Beside the runs, because that folder is what the nodes of a cluster share.
        folder = Path(config.runs).expanduser().absolute() / ".sweeps"
        os.environ[VARIABLE] = str(folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.jsonl")
        for left in folder.glob("*.jsonl"):  # of sweeps that were killed
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > MONTH:
                    left.unlink()


class Outcomes:
    """Two lines for every job, one when it begins and one when it ends, in a file that all jobs append to."""

    deferred: BaseException | None = None  # a single run is in this process, so its error can wait here

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_this_sweep(cls) -> Outcomes | None:
        return cls(Path(os.environ[VARIABLE])) if VARIABLE in os.environ else None

    @contextmanager
    def noting(self, job: int, words: str) -> Iterator[Callable[[Outcome], None]]:
        """Record how a job ends; an error is printed and recorded, and does not stop the other jobs."""

        def note(outcome: Outcome) -> None:
            self._append({"job": job, "words": words, "folder": str(outcome.folder)})

        try:
            self._append({"job": job, "words": words})
            yield note
        except Exception as error:
            message = in_one_line(error)
            if message is None:
                traceback.print_exc()
                message = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"error: {message}", file=sys.stderr, flush=True)
            with suppress(OSError):  # the folder of the runs cannot be written to, and the error says so
                self._append({"job": job, "words": words, "error": message})

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
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def _last_lines(self) -> list[dict[str, Any]]:
        """The last line of each job."""
        jobs: dict[int, dict[str, Any]] = {}
        for line in text_of(self.path).splitlines():
            with suppress(ValueError, TypeError, KeyError):  # a killed process may have left half a line
                noted = parsed(line)
                jobs[noted["job"]] = noted
        return [jobs[number] for number in sorted(jobs)]

    def conclude(self, interrupted: bool = False) -> int:
        """Print what became of a sweep's jobs; the exit code: 0 where all are done."""
        if not self.path.exists():
            return 2  # no job could begin, and the reason has been printed
        from unix_exp.report.table import table

        ended = self._last_lines()
        self.path.unlink()
        done = [job["folder"] for job in ended if "folder" in job]
        if done:
            print("\n" + table([Path(folder) for folder in dict.fromkeys(done)]))
        for job in ended:
            if "folder" in job:
                continue
            name = f"job {job['job'] + 1} ({job['words']})"
            if interrupted and "error" not in job:
                print(f"interrupted: {name}", file=sys.stderr)
            else:
                print(f"failed: {name}: {job.get('error', 'its process died')}", file=sys.stderr)
        return 0 if len(done) == len(ended) else 1
