"""What became of a sweep's jobs, whichever process and machine each ran on."""

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

from unix_exp.complaints import in_one_line

if TYPE_CHECKING:
    from unix_exp.experiment import Outcome

VARIABLE = "UNIX_EXP_OUTCOMES"  # launchers hand the environment on to their processes


class BeginOutcomes(Callback):
    """Hydra calls it before a sweep's first job, in the process that the sweep was typed in."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        # Beside the runs, because that folder is what the nodes of a cluster share.
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.jsonl"
        os.environ[VARIABLE] = str(Path(config.runs).expanduser().absolute() / ".sweeps" / name)


class Outcomes:
    """Two lines for every job, one when it begins and one when it ends, in a file that all jobs append to."""

    deferred: BaseException | None = None  # a lone run is in this process, so its error can wait here

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_this_sweep(cls) -> Outcomes | None:
        return cls(Path(os.environ[VARIABLE])) if VARIABLE in os.environ else None

    @contextmanager
    def noting(self, job: int, words: str) -> Iterator[Callable[[Outcome], None]]:
        """Note how a job ends; its failure is said and kept, and does not stop the others."""

        def note(outcome: Outcome) -> None:
            self._append({"job": job, "words": words, "folder": str(outcome.folder)})

        try:
            self._append({"job": job, "words": words})
            yield note
        except Exception as error:
            complaint = in_one_line(error)
            if complaint is None:
                traceback.print_exc()
                complaint = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"error: {complaint}", file=sys.stderr, flush=True)
            with suppress(OSError):  # the folder of the runs can't be written to, which the error said
                self._append({"job": job, "words": words, "error": complaint})

    @classmethod
    @contextmanager
    def deferring_errors(cls) -> Iterator[None]:
        """Let a lone run's error pass its launcher in silence."""
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

    def conclude(self) -> int:
        """Say what a sweep came to; the exit code: 0 where all is done."""
        if not self.path.exists():
            return 2  # no job could begin, and why was said
        from unix_exp.report.table import table

        jobs: dict[int, dict[str, Any]] = {}
        for line in self.path.read_text().splitlines():
            last = json.loads(line)
            jobs[last["job"]] = last
        self.path.unlink()
        ended = [jobs[number] for number in sorted(jobs)]
        done = [job["folder"] for job in ended if "folder" in job]
        print("\n" + table([Path(folder) for folder in dict.fromkeys(done)]))
        for job in ended:
            if "folder" not in job:
                why = job.get("error", "its process died")
                print(f"failed: job {job['job'] + 1} ({job['words']}): {why}", file=sys.stderr)
        return 0 if len(done) == len(ended) else 1
