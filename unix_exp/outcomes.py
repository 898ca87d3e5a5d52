"""What became of a sweep's jobs, whichever process each ran in."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unix_exp.complaints import in_one_line

if TYPE_CHECKING:
    from unix_exp.experiment import Outcome

VARIABLE = "UNIX_EXP_OUTCOMES"  # launchers hand the environment on to their processes


class Outcomes:
    """A line for every job that ended, in a file that all processes of a sweep append to."""

    deferred: BaseException | None = None  # a lone run is in this process, so its error can wait here

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def begin(cls, folder: Path) -> Outcomes:
        os.environ[VARIABLE] = str(folder / "outcomes.jsonl")
        return cls.of_this_command()

    @classmethod
    def of_this_command(cls) -> Outcomes:
        return cls(Path(os.environ[VARIABLE]))

    @contextmanager
    def noting(self, job: int, words: str) -> Iterator[Callable[[Outcome], None]]:
        """Note how a job ends; its failure is said and kept, and does not stop the others."""

        def note(outcome: Outcome) -> None:
            self._append({"job": job, "words": words, "folder": str(outcome.folder)})

        try:
            yield note
        except Exception as error:
            complaint = in_one_line(error)
            if complaint is None:
                traceback.print_exc()
                complaint = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"error: {complaint}", file=sys.stderr, flush=True)
            self._append({"job": job, "words": words, "error": complaint})

    @contextmanager
    def deferring_errors(self) -> Iterator[None]:
        """Let a lone run's error pass its launcher in silence."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            Outcomes.deferred = error

    def raise_deferred(self) -> None:
        if (error := Outcomes.deferred) is not None:
            Outcomes.deferred = None
            raise error

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def conclude(self) -> int:
        """Say what a sweep came to; the exit code: 0 where all is done."""
        if not self.path.exists():
            return 0  # not a sweep
        from unix_exp.report.table import table

        jobs = [json.loads(line) for line in self.path.read_text().splitlines()]
        done = [job["folder"] for job in jobs if "folder" in job]
        failed = [job for job in jobs if "error" in job]
        print("\n" + table([Path(folder) for folder in done]))
        for job in failed:
            print(f"failed: job {job['job'] + 1} ({job['words']}): {job['error']}", file=sys.stderr)
        for folder in done:
            print(f"wrote {folder}")
        return 1 if failed else 0
