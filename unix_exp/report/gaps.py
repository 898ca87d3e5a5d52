"""What is wrong with a finished run's records: epochs that are missing or there twice, a file that was changed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MOST = 5  # stretches that are named


def flaw_of_records(path: Path, lines: Sequence[dict[str, Any]], planned: int, hashed: str | None) -> str | None:
    """In words; None where nothing is. `planned` epochs are 0 and `hashed` None where older records do not say."""
    if not path.exists() and hashed is None:
        return None  # a run without analysis has no file of it
    counts = Counter(line["epoch"] for line in lines)
    last = max([planned, *counts])
    missing = [epoch for epoch in range(1, min(last, sum(counts.values()) + 10**6) + 1) if epoch not in counts]
    found = []
    if not lines:
        found.append("holds no epoch")
    elif missing:
        found.append(f"has no {stretches(missing)}")
    if twice := sorted(epoch for epoch, count in counts.items() if count > 1):
        found.append(f"has {stretches(twice)} more than once")
    if not found and list(counts) != sorted(counts):
        found.append("has epochs out of order")
    if not found and hashed is not None and hashed != hash_of(path):
        found.append("is not what the run wrote")
    return f"{path.name} {' and '.join(found)}" if found else None


def hash_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    except OSError:
        return None


def stretches(epochs: Sequence[int]) -> str:
    """1, 3 to 7"""
    runs: list[list[int]] = []
    for epoch in epochs:
        if runs and epoch == runs[-1][1] + 1:
            runs[-1][1] = epoch
        else:
            runs.append([epoch, epoch])
    named = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:MOST]]
    more = ", ..." if len(runs) > MOST else ""
    return f"epoch{'s' if len(epochs) > 1 else ''} {', '.join(named)}{more}"
