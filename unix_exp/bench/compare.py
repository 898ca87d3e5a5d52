"""What changed since a known state of the code.

A ratio got worse if it moved in the wrong direction by more than the distance of its quartiles, then or now, and by
more than one per cent. Only ratios are judged, because a machine that is slower today is slower for all contestants,
and only if the same was timed on the same hardware.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unix_exp.run.foreign import json_of
from unix_exp.types import Mistake

KNOWN = Path(__file__).parent / "known"
LEAST = 0.01
MORE_IS_BETTER = ("speed_over_plain", "speed_over_plain_workers")  # of all other ratios less is better


class Change(NamedTuple):
    """One figure, then and now."""

    name: str
    then: float
    now: float
    worse: bool = False


def read(path: Path) -> dict[str, Any]:
    try:
        figures: dict[str, Any] = json_of(path)
        if not {"what", "where", "ms_per_step", "ratios"} <= set(figures):
            raise ValueError
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, TypeError):
        raise Mistake(f"{path} is not from the bench; give a file that --json wrote, without --together") from None
    return figures


def known(now: Mapping[str, Any]) -> Path | None:
    """The kept state of the same case on the same hardware, if there is one."""
    kept = sorted(KNOWN.glob("*.json"))
    return next((path for path in kept if not differences(read(path), now)), None)


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs in case and hardware; settings that only one of them has, as the other is older, are skipped."""
    pairs = [("hardware", then["where"]["hardware"], now["where"]["hardware"])]
    pairs += [(name, then["what"][name], now["what"][name]) for name in shared(then["what"], now["what"])]
    found: list[str] = []
    for name, before, after in pairs:
        if isinstance(before, dict) and isinstance(after, dict):
            parts = [(f"{name}.{key}", before[key], after[key]) for key in shared(before, after)]
        else:
            parts = [(name, before, after)]
        found += [f"{part} {old} -> {new}" for part, old, new in parts if old != new]
    return found


def shared(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    return [key for key in one if key in other]


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    for name in shared(then["ms_per_step"], now["ms_per_step"]):
        yield Change(f"{name}, ms", then["ms_per_step"][name]["median"], now["ms_per_step"][name]["median"])
    for name in shared(then["ratios"], now["ratios"]):
        before, after = then["ratios"][name], now["ratios"][name]
        yield Change(name, before["median"], after["median"], worse(name, before, after))


def worse(name: str, then: Mapping[str, float], now: Mapping[str, float]) -> bool:
    change = now["median"] - then["median"]
    if name in MORE_IS_BETTER:
        change = -change
    apart = max(spread["high"] - spread["low"] for spread in (then, now))
    return change > max(apart, LEAST * max(1.0, then["median"]))
