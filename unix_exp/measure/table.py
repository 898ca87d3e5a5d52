"""What was measured, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from unix_exp.report.table import aligned
from unix_exp.run.measured import Latency, Measured, MeasuredNetwork
from unix_exp.words import as_line, counted, size_in_words

ABSENT = "-"
WORTH = ("network", "", "top-1 %", "95 % interval", "agreement %", "parameters", "GFLOPs", "file")
SPEED = ("network", "batch", "ms", "10th - 90th %", "n", "images/s", "peak memory", "device")


def table(found: Sequence[tuple[str, Measured]]) -> Iterator[str]:
    """Of runs by name; all were measured alike."""
    _, first = found[0]
    torch = first["versions"].get("torch", "unknown")
    yield f"{first['hardware']}; PyTorch {torch}"
    for name, one in found:
        yield as_line(f"{name}: {images_in_words(one)}")
    yield ""
    every = [((as_line(name),) if len(found) > 1 else (), one) for name, run in found for one in run["networks"]]
    run = ("run",) if len(found) > 1 else ()
    yield aligned([(*run, *WORTH), *((*whose, *worth(one)) for whose, one in every)])
    if first["batches"]:
        yield ""
        batches = [str(batch) for batch in first["batches"]]
        yield aligned([(*run, *SPEED), *((*whose, *speed(one, batch)) for whose, one in every for batch in batches)])
    yield ""
    yield from notes(found)


def images_in_words(one: Measured) -> str:
    some, whole = one["test_images"], one["test_count"]
    return counted(some, "test image") if some == whole else f"{some:,} of {whole:,} test images"


def notes(found: Sequence[tuple[str, Measured]]) -> Iterator[str]:
    yield "one FLOP is one multiply-add; parameters and GFLOPs of an exported file are the student's"
    yield from found[0][1]["how"]  # nothing where nothing was timed
    for name, one in found:
        for note in one["notes"]:
            yield as_line(f"{name}: {note}")


def worth(one: MeasuredNetwork) -> list[str]:
    """How good and how big a network is."""
    return [
        one["name"],
        as_line(one["architecture"]),
        f"{one['top1']:.2f}",
        f"{one['top1_low']:.1f} - {one['top1_high']:.1f}",
        ABSENT if one["agreement"] is None else f"{one['agreement']:.2f}",
        f"{one['parameters']:,}",
        f"{one['gflops']:.4g}",
        size_in_words(one["bytes"]),
    ]


def speed(one: MeasuredNetwork, batch: str) -> list[str]:
    """How fast it is, and what memory that takes."""
    latency, images = one.get("latency_ms", {}).get(batch), one.get("images_per_second", {}).get(batch)
    held = one.get("peak_bytes", {}).get(batch)
    times = [ABSENT] * 3 if latency is None else in_words(latency)
    per_second = ABSENT if images is None else f"{images:,.1f}" if images < 100 else f"{images:,.0f}"
    return [one["name"], batch, *times, per_second, ABSENT if held is None else size_in_words(held), one["device"]]


def in_words(latency: Latency) -> list[str]:
    digits = 3 if latency["median"] < 10 else 1
    spread = f"{latency['p10']:.{digits}f} - {latency['p90']:.{digits}f}"
    return [f"{latency['median']:.{digits}f}", spread, str(latency["n"])]
