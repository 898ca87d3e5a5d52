"""A run on one screen: settings, result, cost, epochs, files, and the line that repeats it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unix_exp.report.runs import read_run
from unix_exp.report.table import aligned
from unix_exp.run.tags import NAME as OF_TAGS
from unix_exp.runs.commands import command_of
from unix_exp.runs.curves import accuracies, accuracy_of, blocks, epochs_of, images_of, picked
from unix_exp.runs.entry import FAILED, FINISHED, RUNNING, UNFINISHED, Entry, mapping, number
from unix_exp.runs.listing import ago
from unix_exp.runs.usual import differing
from unix_exp.types import Mistake
from unix_exp.words import as_line, counted, duration, size_in_words

ABSENT = "-"
TOTAL = "total_gflops"
MISSING = "???"  # what Hydra has for a setting that has to be given
LONGEST = 90  # characters of a setting's value


def shown(run: Entry) -> Iterator[str]:
    yield run.name
    yield as_line(str(run.path))
    yield ""
    yield from in_columns(list(head(run)))
    if lines := list(settings_of(run)):
        yield "\nsettings that are not the defaults of its components:"
        yield from lines
    if cost := list(cost_of(run)):
        yield "\ncompute:"
        yield from aligned(cost).splitlines()
    if epochs := list(epochs_in_lines(run)):
        yield ""
        yield from epochs
    yield ""
    yield from ending(run)
    yield "\nfiles: " + files_of(run)
    if warnings := list(warnings_of(run)):
        yield ""
        yield from (as_line(f"warning: {one}") for one in warnings)


def head(run: Entry) -> Iterator[tuple[str, str]]:
    pair = mapping(run.result.get("teacher"))
    teacher = f"{pair['name']} ({pair['top1']:.2f} %) -> " if number(pair.get("top1")) is not None else ""
    student = run.result.get("student") if teacher else run.pair
    yield "networks", as_line(f"{teacher}{student} on {run.dataset}")
    yield "method", f"{run.method}, seed {run.seed}"
    yield "state", state_in_words(run)
    if (top1 := run.top1) is not None:
        best, val = mapping(run.result.get("best")), mapping(run.result.get("val"))
        chosen = f"; epoch {val.get('epoch')}, chosen on validation images ({share(val.get('top1'))})" if val else ""
        highest = f"; best {share(best.get('top1'))} in epoch {best.get('epoch')}" if not val else ""
        yield "test", as_line(f"{top1:.2f} %{chosen}{highest}")
    if run.seconds is not None:
        yield "training", f"{duration(run.seconds)} on {as_line(str(run.result.get('hardware')))}"
    if run.tags:
        yield "tags", " ".join(run.tags)


def share(value: Any) -> str:
    return f"{value:.2f} %" if number(value) is not None else "-"


def state_in_words(run: Entry) -> str:
    when = f"{ago(time.time() - run.ended)} ago"
    if run.state == FINISHED:
        return f"finished {when}"
    done = counted(run.epochs, "epoch") + (f", of {run.planned} in its recipe" if run.planned else "")
    if run.state == FAILED:
        return f"failed {when} after {done}: {run.why}"
    if run.state in (RUNNING, UNFINISHED):
        return f"{run.state}, {done}; last written {when}"
    return f"{run.state}: {run.why}"


def settings_of(run: Entry) -> Iterator[str]:
    rows = [(one.key, text(one.value), text(one.usual)) for one in differing(run.settings)]
    if rows:
        yield from in_columns([("", "here", "default"), *rows])


def in_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def text(value: Any) -> str:
    """A setting's value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    found = ABSENT if value == MISSING else as_line(str(value))
    return found if len(found) <= LONGEST else f"{found[:LONGEST]}..."


def cost_of(run: Entry) -> Iterator[tuple[str, str, str, str]]:
    """Of each part in GFLOPs; what is paid once for several runs is no share of this one."""
    parts = gflops_of(run)
    if not (whole := parts.pop(TOTAL, None)):
        return
    yield "", "", "GFLOPs", "share"
    for key, value in parts.items():
        yield part(key), "", gflops(value), f"{100 * value / whole:.1f} %"
    of_kd = f"  {run.percent:.2f} % of conventional KD" if run.percent is not None else ""
    yield part(TOTAL), of_kd.strip(), gflops(whole), "100.0 %"
    for role, one in mapping(mapping(run.result.get("cost")).get("once")).items():
        yield as_line(f"once, {role}"), "not in the total", gflops(number(mapping(one).get("gflops"))), ""


def gflops_of(run: Entry) -> dict[str, float]:
    return addends_first(mapping(mapping(run.result.get("cost")).get("gflops")))


def addends_first(parts: Mapping[str, Any]) -> dict[str, float]:
    """The counts that are one total's, and that total behind them; without the total by another rule."""
    known = {key: one for key, value in parts.items()
             if key.endswith("_gflops") and (one := number(value)) is not None}  # fmt: skip
    return {key: known[key] for key in sorted(known, key=lambda key: key == TOTAL)}


def part(key: str) -> str:
    return as_line(key.removesuffix("_gflops").replace("_", " "))


def gflops(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def epochs_in_lines(run: Entry) -> Iterator[str]:
    epochs = epochs_of(run)
    if not epochs:
        return
    measured, where = accuracies(epochs), images_of(epochs)
    if len(measured) > 2:
        low, high = min(measured.values()), max(measured.values())
        yield f"{where} accuracy, {low:.2f} to {high:.2f} %:  {blocks(list(measured.values()))}"
    by_epoch = {line["epoch"]: line for line in epochs}
    rows = [("epoch", "", "loss", f"{where} %", "compute %", "time")]
    for epoch in picked(list(measured) or list(by_epoch)):
        line = by_epoch[epoch]
        rows.append((
            str(epoch), "", figure(line.get("train/loss"), 4), figure(accuracy_of(line), 2),
            figure(line.get("cost/percent_of_kd"), 1),
            duration(line["time/train_seconds"]) if "time/train_seconds" in line else "-",
        ))  # fmt: skip
    yield from aligned(rows).splitlines()


def figure(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def ending(run: Entry) -> Iterator[str]:
    yield "to repeat it, in another folder:" if run.state == FINISHED else "to continue it:"
    command = command_of(run)
    if command is None:
        yield "  no command was recorded here; the one that began it does"
    else:
        yield f"  {command}"


def files_of(run: Entry) -> str:
    sizes = {name: size for name in sorted(run.names) if (size := size_of(run.path / name)) is not None}
    return ", ".join(f"{as_line(name)} ({size_in_words(size)})" for name, size in sizes.items() if name[0] != ".")


def size_of(path: Path) -> int | None:
    """None for what is no file."""
    try:
        return path.lstat().st_size if path.is_file() else None
    except OSError:
        return None


def warnings_of(run: Entry) -> Iterator[str]:
    if run.state == FINISHED:
        try:
            whole = read_run(run.path)
            _ = whole.epochs, whole.analysis
            yield from whole.flaws
        except Mistake as mistake:
            yield str(mistake)
        if "student.safetensors" not in run.names:
            yield "student.safetensors is not here: the network cannot be loaded, exported or measured"
    if OF_TAGS in run.names and not run.tags:
        yield f"{OF_TAGS} holds no tags"
