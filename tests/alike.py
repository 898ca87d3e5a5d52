"""Whether two folders hold the same work: every file bit for bit, but for what says how long something took."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unix_exp.run.checkpoint import read_state
from unix_exp.types import Mistake

# Locks, what was printed, notes of the sweep's own and of Hydra, and what a kill may leave behind without any harm.
ASIDE = (".lock", "said.txt", ".sweeps", ".hydra", "checkpoint.previous.pt")
TIMED = ("time", "finished", "seconds", "check")  # of a JSON object; `check` is the hash of the rest


def differences(one: Path, other: Path) -> list[str]:
    """What differs, a line for each file."""
    ours, theirs = files_in(one), files_in(other)
    missing = [f"{name} is only in {one if name in ours else other}" for name in sorted(ours ^ theirs)]
    return missing + [f"{name} differs" for name in sorted(ours & theirs) if not same_file(one / name, other / name)]


def files_in(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if not {*ASIDE} & {*path.parts} and not half(path)}


def half(path: Path) -> bool:
    """A file that was being written: to be gone from a run's folder, while a store's are removed in time."""
    return path.name.startswith(".") and bool({"answers", ".accuracy", ".exits"} & {*path.parts[:-1]})


def same_file(one: Path, other: Path) -> bool:
    if one.read_bytes() == other.read_bytes():
        return True
    try:
        return one.suffix in READERS and bool(READERS[one.suffix](one) == READERS[one.suffix](other))
    except (ValueError, KeyError, TypeError, AttributeError, Mistake):
        return False  # one of them is damaged


def of_json(path: Path) -> Any:
    found = untimed(json.loads(path.read_text()))
    for nested in ("answers", "files"):  # seconds of the answers' making; the hash of records that hold times
        if isinstance(found.get(nested), dict):
            found[nested] = {key: one for key, one in untimed(found[nested]).items() if key != "metrics.jsonl"}
    return found


def untimed(values: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in values.items() if key not in TIMED and not key.startswith("time/")}


def of_lines(path: Path) -> list[Any]:
    return lines(path.read_text())


def lines(text: str) -> list[Any]:
    return [untimed(json.loads(line)) for line in text.splitlines()]


def of_checkpoint(path: Path) -> Any:
    state = read_state(path)
    history = {part: lines(text) for part, text in state.pop("history")["lines"].items()}
    state["progress"] = untimed(state["progress"])
    return plain(state), history


def plain(value: Any) -> Any:
    """Tensors as their bytes, so that what is not a number is equal to itself."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "numpy"):
        return str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes()
    return value


READERS: dict[str, Callable[[Path], Any]] = {".json": of_json, ".jsonl": of_lines, ".pt": of_checkpoint}
