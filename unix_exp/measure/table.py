"""What was measured, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unix_exp.report.table import aligned
from unix_exp.run.measured import Measured, MeasuredNetwork
from unix_exp.words import as_line, counted, size_in_words

ABSENT = "-"


def table(found: Sequence[tuple[str, Measured]]) -> Iterator[str]:
    """Of runs by name; all were measured alike."""
    _, first = found[0]
    torch = first["versions"].get("torch", "unknown")
    yield f"{first['hardware']}; PyTorch {torch}"
    for name, one in found:
        yield as_line(f"{name}: {images_in_words(one)}")
    yield ""
    several = len(found) > 1
    head = [*(["run"] if several else []), *titles(first["batches"])]
    rows = [
        [*([as_line(name)] if several else []), *cells(network, first["batches"])]
        for name, one in found
        for network in one["networks"]
    ]
    yield aligned([head, *rows])
    yield ""
    yield from notes(found)


def images_in_words(one: Measured) -> str:
    some, whole = one["test_images"], one["test_count"]
    return counted(some, "test image") if some == whole else f"{some:,} of {whole:,} test images"


def notes(found: Sequence[tuple[str, Measured]]) -> Iterator[str]:
    yield "in brackets: 95 % interval of the accuracy; 10th to 90th percentile of the times and their number"
    yield "one FLOP is one multiply-add; parameters and GFLOPs of an exported file are the student's"
    yield from found[0][1]["how"]
    for name, one in found:
        for note in one["notes"]:
            yield as_line(f"{name}: {note}")


def titles(batches: Sequence[int]) -> list[str]:
    timed = [title for batch in batches for title in (f"ms, batch {batch}", "images/s", "memory")]
    return ["network", "", "top-1 %", "agreement %", "parameters", "GFLOPs", "file", *timed]


def cells(one: MeasuredNetwork, batches: Sequence[int]) -> list[str]:
    """One row of the table."""
    found = [
        one["name"],
        as_line(one["architecture"]),
        f"{one['top1']:.2f} ({one['top1_low']:.1f} - {one['top1_high']:.1f})",
        ABSENT if one["agreement"] is None else f"{one['agreement']:.2f}",
        f"{one['parameters']:,}",
        f"{one['gflops']:.4g}",
        size_in_words(one["bytes"]),
    ]
    for batch in map(str, batches):
        latency, speed = one.get("latency_ms", {}).get(batch), one.get("images_per_second", {}).get(batch)
        held = one.get("peak_bytes", {}).get(batch)
        found += [
            ABSENT if latency is None else in_words(latency["median"], latency["p10"], latency["p90"], latency["n"]),
            ABSENT if speed is None else f"{speed:,.4g}" if speed < 1000 else f"{speed:,.0f}",
            ABSENT if held is None else size_in_words(held),
        ]
    return found


def in_words(median: float, low: float, high: float, n: int) -> str:
    digits = 3 if median < 10 else 1
    return f"{median:.{digits}f} ({low:.{digits}f} - {high:.{digits}f}; {n})"
