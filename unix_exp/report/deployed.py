"""Networks in use: what unix_exp.measure found of the runs' teachers, students and exported files."""

from __future__ import annotations

from collections.abc import Sequence

from unix_exp.report.blocks import Block, Cell, Column, Heading, Notice, Row, Section, Table, Text
from unix_exp.report.runs import Run
from unix_exp.run.measured import NAME, Latency, Measured, MeasuredNetwork, read_measured
from unix_exp.words import first_line, size_in_words

TITLE = "Networks in use"
ALONE = Cell("—", hint="without its teacher")
UNTIMED = Cell("—", hint="not measured")


def sections(runs: Sequence[Run]) -> list[Section]:
    found: list[tuple[Run, Measured]] = []
    damaged = []
    for run in runs:
        try:
            found.append((run, read_measured(run.path, run.result)))
        except FileNotFoundError:
            continue  # it was not measured
        except (OSError, ValueError) as error:
            damaged.append(f"{run.path / NAME}: {first_line(error)}; measure the run again")
    blocks: list[Block] = [Notice("Measurements that cannot be shown", damaged)] if damaged else []
    if found:
        blocks += [Text("\n\n".join(said(found))), table_of(found)]
    return [Section(TITLE, "in-use", blocks)] if blocks else []


def said(found: Sequence[tuple[Run, Measured]]) -> list[str]:
    """What holds for the whole table, each sentence once."""
    how = [f"{line[:1].upper()}{line[1:]}." for _, one in found for line in one["how"]]
    how += [f"The medians are of {often} times." for often in how_often([one for _, one in found])]
    notes = [f"{run.path.name}: {note}." for run, one in found for note in one["notes"]]
    return list(dict.fromkeys([*how, *notes])) or ["Neither times nor memory were measured."]


def table_of(found: Sequence[tuple[Run, Measured]]) -> Table:
    batches = sorted({batch for _, one in found for batch in one["batches"]})
    rows: list[Row] = []
    for run, one in found:
        rows.append(Heading(title_of(run, one)))
        rows += [cells(network, [str(batch) for batch in batches]) for network in one["networks"]]
    caption = "Teachers, students and exported files on the test images, and on one machine."
    return Table(caption, head_of(batches), rows, "in-use-table", texts=2)


def head_of(batches: Sequence[int]) -> list[str | Column]:
    head: list[str | Column] = [
        "network",
        "architecture",
        Column("top-1 %", hint="95 % interval by Wilson's formula"),
        Column("agreement %", hint="test images for which its first guess is the teacher's"),
        Column("parameters", hint="of an exported file, the student's"),
        Column("GFLOPs", hint="of one image; one FLOP is one multiply-add; of an exported file, the student's"),
        "file",
    ]
    for batch in batches:
        head += [
            Column("ms", f"batch {batch}", "median; 10th to 90th percentile"),
            Column("images/s", f"batch {batch}"),
            Column("memory", f"batch {batch}"),
        ]
    return head


def title_of(run: Run, one: Measured) -> str:
    """The run, its images, and the machine that it was measured on."""
    result, some, count = run.result, one["test_images"], one["test_count"]
    images = f"{count:,} test images" if some == count else f"{some:,} of {count:,} test images"
    whose = f"{result['pair']} on {result['dataset']}, {result['method']}, seed {result['seed']}"
    return f"{whose}: {images}; {one['hardware']}"


def cells(one: MeasuredNetwork, batches: Sequence[str]) -> list[str | Cell]:
    agreement = one["agreement"]
    found: list[str | Cell] = [
        one["name"],
        one["architecture"],
        f"{one['top1']:.2f} ({one['top1_low']:.1f} to {one['top1_high']:.1f})",
        ALONE if agreement is None else f"{agreement:.2f}",
        f"{one['parameters']:,}",
        f"{one['gflops']:.4g}",
        size_in_words(one["bytes"]),
    ]
    for batch in batches:
        latency, speed = one.get("latency_ms", {}).get(batch), one.get("images_per_second", {}).get(batch)
        held = one.get("peak_bytes", {}).get(batch)
        found += [
            UNTIMED if latency is None else timed(latency),
            UNTIMED if speed is None else three_digits(speed),
            UNTIMED if held is None else size_in_words(held),
        ]
    return found


def how_often(found: Sequence[Measured]) -> list[str]:
    """How often networks were timed: a slow one less often."""
    counts = {
        one["n"] for run in found for network in run["networks"] for one in network.get("latency_ms", {}).values()
    }
    return [f"{min(counts)} to {max(counts)}" if len(counts) > 1 else str(*counts)] if counts else []


def timed(latency: Latency) -> Cell:
    median, low, high = (three_digits(latency[name]) for name in ("median", "p10", "p90"))
    return Cell(f"{median} ({low}\N{EN DASH}{high})", hint=f"timed {latency['n']} times")


def three_digits(value: float) -> str:
    """Three that mean something, and no more than that of a small number."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
