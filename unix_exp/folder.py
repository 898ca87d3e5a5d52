"""A run's folder: what it is named, what lies in it, and who may write there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from unix_exp.checkpoint import write_whole
from unix_exp.types import Mistake, Record


class RunFolder:
    """config.yaml, metrics.jsonl, checkpoint.pt, student.safetensors; result.json comes last and means: finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.metrics = path / "metrics.jsonl"
        self.checkpoint = path / "checkpoint.pt"
        self.weights = path / "student.safetensors"
        self._result = path / "result.json"
        self._failure = path / "failure.txt"

    def result(self) -> dict[str, Any] | None:
        """What came out, or None while the run isn't finished."""
        try:
            return json.loads(self._result.read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise Mistake(f"{self._result} is damaged ({error}); delete it to finish the run again") from None

    def finish(self, result: dict[str, Any]) -> None:
        text = json.dumps(result, indent=2) + "\n"
        write_whole(self._result, lambda part: part.write_text(text))
        self._failure.unlink(missing_ok=True)

    def fail(self, why: str) -> None:
        """Leave word of what ended a run, for whoever looks at the folder."""
        if self.path.is_dir():
            self._failure.write_text(why)

    def write_config(self, settings: dict[str, Any]) -> None:
        text = OmegaConf.to_yaml(OmegaConf.create(settings))
        write_whole(self.config, lambda part: part.write_text(text))

    def records(self) -> list[Record]:
        """The epochs logged so far; a line that a kill cut short is not one."""
        records = []
        if self.metrics.exists():
            for line in self.metrics.read_text().splitlines():
                try:
                    values = json.loads(line)
                except ValueError:
                    break
                records.append(Record(values.pop("epoch"), values))
        return records

    def keep_records(self, epochs: int) -> list[Record]:
        """Forget epochs after the checkpoint's: they are about to happen again."""
        kept = [record for record in self.records() if record.epoch <= epochs]
        text = "".join(line_of(record) for record in kept)
        write_whole(self.metrics, lambda part: part.write_text(text))
        return kept

    @contextmanager
    def alone(self, wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the folder against other processes; where one is at work, say so with `wait` and wait, or refuse."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock")  # the system lets go of it when its process dies, however it dies
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
                f"cannot write to {self.path}: {error.strerror or error}; choose another place with runs=PATH"
            ) from None
        try:
            yield
        finally:
            lock.release()


def line_of(record: Record) -> str:
    return json.dumps({"epoch": record.epoch, **record.values}) + "\n"
