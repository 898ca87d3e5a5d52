"""What a checkpoint keeps beside the training: the records of its epochs, and what each stretch of them ran on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from unix_exp.run import provenance
from unix_exp.run.checkpoint import write_whole
from unix_exp.run.folder import RunFolder, epoch_of
from unix_exp.sinks.jsonl import line_of
from unix_exp.types import Mistake, Record


class History:
    """Every record so far; a file that was changed or removed meanwhile is written again from here."""

    def __init__(self, folder: RunFolder, analysed: bool, runtime: Mapping[str, Any]) -> None:
        self.files = {"values": folder.metrics, **({"arrays": folder.analysis} if analysed else {})}
        self.lines: dict[str, str] = dict.fromkeys(self.files, "")
        self.stretches: list[dict[str, Any]] = []
        self.now = {
            "commit": provenance.commit(), "versions": provenance.versions(), "threads": torch.get_num_threads(),
            **{key: str(runtime[key]) for key in ("memory_format", "device") if key in runtime},
        }  # fmt: skip

    def __call__(self, record: Record) -> None:
        for part in self.files:
            self.lines[part] += line_of(record, part)
        if not self.stretches or any(self.stretches[-1].get(key) != one for key, one in self.now.items()):
            self.stretches.append({"first": record.epoch, **self.now})
        self.stretches[-1]["last"] = record.epoch

    def state(self) -> dict[str, Any]:
        return {"lines": dict(self.lines), "stretches": [dict(one) for one in self.stretches]}

    def restore(self, state: Mapping[str, Any] | None, epochs: int, say: Callable[[str], None]) -> None:
        """Cut the files back to the checkpoint's epochs, or write them again where they are not what was recorded."""
        if state is not None:
            self.stretches = [dict(one) for one in state["stretches"]]
            self.lines |= {part: text for part, text in state["lines"].items() if part in self.files}
        for part, path in self.files.items():
            found = kept(path, epochs)
            if state is None or part not in state["lines"]:
                if part == "values" and epochs_in(found) != list(range(1, epochs + 1)):
                    raise Mistake(
                        f"{path} does not hold epochs 1 to {epochs} once each, which this run's checkpoint has done"
                    )
                self.lines[part] = found
            elif found != self.lines[part]:
                say(f"{path} is not what this run wrote; it is written again from the checkpoint")
        self.write()
        if self.stretches and (changed := [key for key in self.now if self.now[key] != self.stretches[-1].get(key)]):
            before = self.stretches[-1]
            named = [f"{key} {before.get(key)} -> {self.now[key]}" for key in changed if key != "versions"]
            if "versions" in changed:
                named += versions_between(before.get("versions") or {}, provenance.versions())
            say(f"continuing under what changed since epoch {before['last']}: {'; '.join(named)}")

    def hashes(self) -> dict[str, str]:
        """By name, of the content of each file."""
        return {path.name: hashlib.sha256(self.lines[part].encode()).hexdigest() for part, path in self.files.items()}

    def write(self) -> None:
        """Bring the files to what was recorded; nothing is written where they are."""
        for part, path in self.files.items():
            text = self.lines[part]
            try:
                same = path.is_file() and path.read_bytes() == text.encode()
            except OSError:
                same = False
            if not same and (text or path.exists()):
                write_whole(path, partial(Path.write_text, data=text))


def kept(path: Path, epochs: int) -> str:
    try:
        lines = path.read_text(errors="replace").splitlines(keepends=True) if path.is_file() else []
    except OSError:
        lines = []
    return "".join(line for line in lines if 1 <= epoch_of(line) <= epochs)


def epochs_in(text: str) -> list[int]:
    return [epoch_of(line) for line in text.splitlines()]


def versions_between(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [f"{name} {before.get(name)} -> {one}" for name, one in now.items() if before.get(name) != one]
