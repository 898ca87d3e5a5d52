"""What a search by one of Hydra's sweepers is told of each run: how good it is, and if asked, how dear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from unix_exp.types import Mistake

Value: TypeAlias = float | list[float]
ONE = ["maximize"]
TWO = ["maximize", "minimize"]  # accuracy, and compute


def check_direction(sweeper: Mapping[str, Any]) -> None:
    """A sweeper that searches minimises unless it is told otherwise, which would find the worst accuracy."""
    if (given := directions(sweeper)) not in ([], ONE, TWO):
        raise Mistake(
            f"hydra.sweeper.direction is {', '.join(given)}, but a run gives its accuracy; write maximize, or "
            "'hydra.sweeper.direction=[maximize,minimize]' to search for accuracy and little compute"
        )


def directions(sweeper: Mapping[str, Any]) -> list[str]:
    """None of a sweeper that does not search."""
    given = sweeper.get("direction")
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    return [str(getattr(one, "name", one)) for one in several if one is not None]


def objective(result: Mapping[str, Any], sweeper: Mapping[str, Any]) -> Value:
    """Accuracy on the validation images, where there are any, else on the test images; and GFLOPs where both count."""
    accuracy = float((result.get("val") or result["last"])["top1"])
    if directions(sweeper) != TWO:
        return accuracy
    return [accuracy, float(result["cost"]["gflops"]["total_gflops"])]


def best(words: Sequence[str], values: Sequence[Value]) -> list[str]:
    """The best runs of a search in lines: one, or all that no other run beats in both accuracy and compute."""
    if not values:
        return []
    pairs = [value if isinstance(value, list) else [value, 0.0] for value in values]
    kept = {
        (mine[0], mine[1]): said
        for mine, said in zip(pairs, words, strict=True)
        if not any(beats(one, mine) for one in pairs)
    }
    cost = isinstance(values[0], list)
    return [
        f"best: {accuracy:.2f} %" + (f", {gflops:,.0f} GFLOPs" if cost else "") + f": {said}"
        for (accuracy, gflops), said in sorted(kept.items(), reverse=True)
    ]


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and (one[0] > other[0] or one[1] < other[1])
