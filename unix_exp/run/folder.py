"""A run's folder: its name, its files, and the lock that lets one process write there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.config.paths import at_home
from unix_exp.run import looks
from unix_exp.run.as_yaml import as_yaml
from unix_exp.run.checkpoint import previous, remove_leftovers, write_whole
from unix_exp.run.foreign import json_of, parsed, text_of
from unix_exp.run.record import check_finished
from unix_exp.run.seal import checked, verify
from unix_exp.types import Mistake
from unix_exp.words import as_line

COMMAND = "# "  # before the command in the first line of config.yaml
BEFORE_ANYTHING = {".lock", "config.yaml"}  # all that a run's folder holds when its first epoch begins
TRIES = 10  # to lock a folder that others, who need it too, begin and leave again
LONGEST_NAME = 200  # bytes; file systems take 255, and temporary files have longer names


class RunFolder:
    """Settings, records, checkpoint and weights of one run; result.json comes last and means: finished."""

    def __init__(self, path: Path, identity: str | None = None) -> None:
        self.path = path
        self.identity = identity  # of the run that belongs here, where it is known
        self.begun = False  # whether its training has begun in this process
        self._lock: tuple[int, int] | None = None  # the file that this process holds
        self.config = path / "config.yaml"
        self.metrics = path / "metrics.jsonl"
        self.analysis = path / "analysis.jsonl"
        self.checkpoint = path / "checkpoint.pt"
        self.weights = path / "student.safetensors"
        self.description = path / "student.json"  # what its metadata says, too: for people and for other programs
        self.images = path / "images.safetensors"  # the latest values of each training image, where a method gives some
        self.looks = path / looks.NAME  # for the pages of a report: classes and images that stand out
        self.pictures = path / "images"  # the training images with the highest and the lowest of these values
        self._result = path / "result.json"
        self._failure = path / "failure.txt"

    @classmethod
    def of(cls, settings: Settings, identity: str) -> RunFolder:
        """The folder of a run; of its name, people read pair and method, the program the identity."""
        runs = at_home(settings["runs"])
        pair, ending = config.pair_name(settings), f"-s{settings['seed']}-{identity}"
        name = f"{pair}-{config.dataset_name(settings)}-{config.method_name(settings)}{ending}"
        own = runs / name.replace("/", "-")
        if len(os.fsencode(own.name)) > LONGEST_NAME:
            raise Mistake(f"the run's folder would be called {own.name[:100]}..., too long; give a short method=NAME")
        try:
            alike = [] if own.exists() else ending_in(identity, runs)
        except OSError as error:
            raise Mistake(f"cannot read {runs}: {error.strerror}; choose another folder with runs=PATH") from None
        for same in alike:  # the same run under another name for its method; a copy, such as backup-NAME, is not
            if same.startswith(f"{pair}-".replace("/", "-")) and same.endswith(ending):
                return cls(runs / same, identity)
        return cls(own, identity)

    def result(self) -> dict[str, Any] | None:
        """The content of result.json, or None while the run isn't finished."""
        try:
            result: dict[str, Any] = json_of(self._result)
            if flaw := check_finished(result):
                raise ValueError(flaw)
            verify(result)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError) as error:
            raise Mistake(f"{self._result} is damaged ({error}); delete it to finish the run again") from None
        if self.identity is not None and result.get("identity", self.identity) != self.identity:
            raise Mistake(
                f"{self._result} is of another run, {str(result['identity'])[:40]!r}; move it away to finish this one"
            )
        return result

    def finish(self, result: dict[str, Any]) -> None:
        text = json.dumps(checked(result), indent=2) + "\n"
        write_whole(self._result, lambda part: part.write_text(text))
        self._failure.unlink(missing_ok=True)
        previous(self.checkpoint).unlink(missing_ok=True)  # there is nothing left to continue

    def fail(self, why: str) -> None:
        """Record what ended a run, for people and for reports."""
        with suppress(OSError):  # the note may fail for the reason that the run failed
            if self.path.is_dir():
                write_whole(self._failure, lambda part: part.write_text(why))

    def failure(self) -> str | None:
        """What ended the run, in a line; None where nothing did."""
        try:
            lines = text_of(self._failure).strip().splitlines()
        except OSError:
            return None
        return lines[-1] if lines else "no cause was recorded"  # the last line of a traceback is the error

    def write_config(self, settings: dict[str, Any], command: str | None = None) -> None:
        """The settings, after the command that began or continued the run, where one was typed."""
        head = f"{COMMAND}{as_line(command)}\n" if command else ""
        text = head + as_yaml(settings)
        write_whole(self.config, lambda part: part.write_text(text))

    def write_description(self, values: dict[str, Any]) -> None:
        text = json.dumps(checked(values), indent=2) + "\n"
        write_whole(self.description, lambda part: part.write_text(text))

    def _lock_file(self) -> tuple[int, int] | None:
        try:
            found = (self.path / ".lock").stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def still_alone(self) -> None:
        """Stop before anything is written where another process may have the folder by now."""
        if self._lock is not None and self._lock_file() != self._lock:
            raise Mistake(f"{self.path / '.lock'} was removed while this process held it; start the same command again")

    @contextmanager
    def alone(self, wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Lock the folder; where another process holds it, call `wait` and wait for it; without `wait`, raise."""
        made = [one for one in (self.path, *self.path.parents) if not one.exists()]
        try:
            lock = self._locked(wait)
            for folder in (self.path, self.pictures):
                remove_leftovers(folder)
        except OSError as error:
            raise Mistake(
                f"cannot write to {self.path}: {error.strerror or error}; choose another folder with runs=PATH"
            ) from None
        try:
            yield
        finally:
            self._leave_nothing_empty(made)
            lock.release()

    def _locked(self, wait: Callable[[], None] | None) -> FileLock:
        """The lock, which the system releases when the process ends, however it ends."""
        for _ in range(TRIES):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")
            with suppress(FileNotFoundError):  # the process that held it has left nothing behind
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    if wait is None:
                        raise Mistake(
                            f"another process is at work in {self.path}; let it end or choose other settings"
                        ) from None
                    wait()
                    lock.acquire()
                self._lock = self._lock_file()
                if self._lock is not None:
                    return lock
                lock.release()
        raise OSError("its lock file is removed again and again")

    def _leave_nothing_empty(self, made: Sequence[Path]) -> None:
        """Remove what a start has made that came to nothing: no epoch, no checkpoint, no cause that has to be kept."""
        if self._lock_file() != self._lock:
            return  # another process may have the folder by now
        with suppress(OSError):
            if {*os.listdir(self.path)} <= BEFORE_ANYTHING:
                for name in BEFORE_ANYTHING:
                    (self.path / name).unlink(missing_ok=True)
                for folder in dict.fromkeys((self.path, *made)):
                    folder.rmdir()  # the outer ones only if nothing else has come there


INDEXED: dict[Path, tuple[int, dict[str, list[str]]]] = {}  # by folder, when it was changed and what it holds
SETTLED = 2 * 10**9  # nanoseconds; a change within a tick of the disk's clock would not show


def ending_in(identity: str, runs: Path) -> list[str]:
    """The names in a folder that end so. It may hold thousands, so it is listed again only when it was changed."""
    try:
        changed = runs.stat().st_mtime_ns
        known = INDEXED.get(runs)
        if known is None or known[0] != changed:
            index: dict[str, list[str]] = {}
            for name in sorted(os.listdir(runs)):
                index.setdefault(name.rpartition("-")[2], []).append(name)
            known = changed, index
            if time.time_ns() - changed > SETTLED:
                INDEXED[runs] = known
    except (FileNotFoundError, NotADirectoryError):
        return []  # there is none yet
    return known[1].get(identity, [])


def epoch_of(line: str) -> int:
    """0 for a line that is no record, such as one cut short by a kill."""
    try:
        return int(parsed(line)["epoch"])
    except (ValueError, TypeError, KeyError, OverflowError):
        return 0
