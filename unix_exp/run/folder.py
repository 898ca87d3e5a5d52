"""A run's folder: its name, its files, and the lock that lets one process write there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.run.checkpoint import write_whole
from unix_exp.types import Mistake


class RunFolder:
    """Settings, records, checkpoint and weights of one run; result.json comes last and means: finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.metrics = path / "metrics.jsonl"
        self.analysis = path / "analysis.jsonl"
        self.checkpoint = path / "checkpoint.pt"
        self.weights = path / "student.safetensors"
        self.images = path / "images.safetensors"  # the latest values of each training image, where a method gives some
        self.pictures = path / "images"  # the training images with the highest and the lowest of these values
        self._result = path / "result.json"
        self._failure = path / "failure.txt"

    @classmethod
    def of(cls, settings: Settings, identity: str) -> RunFolder:
        """The folder of a run; of its name, people read pair and method, the program the identity."""
        runs = Path(settings["runs"]).expanduser()
        for same in sorted(runs.glob(f"*-{identity}")):
            return cls(same)  # the same run under another name for its method
        name = f"{config.pair_name(settings)}-{config.dataset_name(settings)}-{config.method_name(settings)}"
        return cls(runs / f"{name}-s{settings['seed']}-{identity}".replace("/", "-"))

    def result(self) -> dict[str, Any] | None:
        """The content of result.json, or None while the run isn't finished."""
        try:
            result: dict[str, Any] = json.loads(self._result.read_text())
            missing = {"last", "best", "cost", "time", "steps"} - set(result)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, TypeError) as error:
            raise Mistake(f"{self._result} is damaged ({error}); delete it to finish the run again") from None
        if missing:
            raise Mistake(f"{self._result} is damaged (no {min(missing)}); delete it to finish the run again")
        return result

    def finish(self, result: dict[str, Any]) -> None:
        text = json.dumps(result, indent=2) + "\n"
        write_whole(self._result, lambda part: part.write_text(text))
        self._failure.unlink(missing_ok=True)

    def fail(self, why: str) -> None:
        """Record what ended a run, for people and for reports."""
        with suppress(OSError):  # the note may fail for the reason that the run failed
            if self.path.is_dir():
                self._failure.write_text(why)

    def failure(self) -> str | None:
        """What ended the run, in a line; None where nothing did."""
        try:
            lines = self._failure.read_text(errors="replace").strip().splitlines()
        except OSError:
            return None
        return lines[-1] if lines else "no cause was recorded"  # the last line of a traceback is the error

    def write_config(self, settings: dict[str, Any]) -> None:
        text = OmegaConf.to_yaml(OmegaConf.create(settings))
        write_whole(self.config, lambda part: part.write_text(text))

    def keep_records(self, epochs: int) -> None:
        """Drop the records of epochs after the checkpoint: these epochs are about to be repeated."""
        for records in filter(Path.exists, (self.metrics, self.analysis)):
            lines = records.read_text(errors="replace").splitlines(keepends=True)
            text = "".join(line for line in lines if 1 <= epoch_of(line) <= epochs)
            write_whole(records, partial(Path.write_text, data=text))

    @contextmanager
    def alone(self, wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Lock the folder; where another process holds it, call `wait` and wait for it; without `wait`, raise."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")  # the system releases it when the process ends, however it ends
            try:
                lock.acquire(blocking=False)
            except Timeout:
                if wait is None:
                    raise Mistake(
                        f"another process is at work in {self.path}; let it end or choose other settings"
                    ) from None
                wait()
                lock.acquire()
        except OSError as error:
            raise Mistake(
                f"cannot write to {self.path}: {error.strerror or error}; choose another folder with runs=PATH"
            ) from None
        try:
            yield
        finally:
            lock.release()


def epoch_of(line: str) -> int:
    """0 for a line that is no record, such as one cut short by a kill."""
    try:
        return int(json.loads(line)["epoch"])
    except (ValueError, TypeError, KeyError):
        return 0
