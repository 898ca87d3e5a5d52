"""Two runs beside each other: whether they can be compared, what differs, and how each went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from unix_exp import config
from unix_exp.report.runs import lines_of
from unix_exp.report.table import aligned
from unix_exp.run.class_names import class_names
from unix_exp.run.record import check_analysis
from unix_exp.runs.curves import accuracies, epochs_of, images_of, picked
from unix_exp.runs.entry import FINISHED, Entry, flat, mapping, number
from unix_exp.runs.showing import ABSENT, addends_first, figure, gflops, gflops_of, in_columns, part, text
from unix_exp.types import Mistake
from unix_exp.words import as_line, counted, duration

Row: TypeAlias = tuple[str, ...]
MOST = 5  # classes on each side
ASIDE = ("runs", "teachers", "logger", "fail_fast")


def compared(one: Entry, other: Entry) -> Iterator[str]:
    if one.path.resolve() == other.path.resolve():
        raise Mistake(f"both are {one.name}; give two runs")
    yield f"A  {one.name}"
    yield f"B  {other.name}"
    yield ""
    yield from (as_line(line) for line in comparable(one, other))
    if rows := settings_between(one, other):
        yield ""
        yield from in_columns([("settings", "A", "B"), *rows])
    yield ""
    yield from aligned([("result", "", "A", "B", "B - A"), *results(one, other)]).splitlines()
    if rows := curves(one, other):
        yield ""
        yield from aligned(rows).splitlines()
    if rows := classes(one, other):
        yield ""
        yield from aligned(rows).splitlines()


def comparable(one: Entry, other: Entry) -> Iterator[str]:
    """As the report compares: on the same images, in trainings of the same length."""
    mine, theirs = one.settings, other.settings
    reasons = []
    if why := other_images(one, other):
        reasons.append(f"other images: {why}")
    if why := other_length(one, other):
        reasons.append(f"another length: {why}")
    for state in (run.state for run in (one, other) if run.state != FINISHED):
        reasons.append(f"one is {state}")
    yield f"not comparable: {'; '.join(reasons)}" if reasons else "comparable: the same images, and as long a training"
    if mapping(mine.get("student")).get("name") != mapping(theirs.get("student")).get("name"):
        yield "another student, so accuracies say which network is better and not which method"


def other_images(one: Entry, other: Entry) -> str:
    """Empty where they are the same, as far as is known: an unfinished run has no fingerprint of them yet."""
    if one.dataset != other.dataset:
        return f"{one.dataset} and {other.dataset}"
    mine, theirs = images(one), images(other)
    if keys := sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)):
        values = (f"{key} {text(mine.get(key, ABSENT))} and {text(theirs.get(key, ABSENT))}" for key in keys)
        return f"{one.dataset} with {', '.join(values)}"
    prints = [str(run.result.get("fingerprint") or "")[:16] for run in (one, other)]
    return f"{one.dataset} of {prints[0]} and {prints[1]}" if all(prints) and prints[0] != prints[1] else ""


def images(run: Entry) -> dict[str, Any]:
    settings = mapping(run.settings.get("dataset"))
    own = config.without(config.completed("dataset", {"dataset": settings}), *config.PLACES)
    return dict(config.alike(own))


def other_length(one: Entry, other: Entry) -> str:
    """Empty where they are the same, as far as is known: an unfinished run has not counted its steps yet."""
    mine, theirs = length(one), length(other)
    steps = mine[1] is not None and theirs[1] is not None and mine[1] != theirs[1]
    return f"{length_in_words(*mine)} and {length_in_words(*theirs)}" if mine[0] != theirs[0] or steps else ""


def length(run: Entry) -> tuple[int, int | None]:
    """Epochs, and the steps of each where they are known."""
    stages = run.result.get("stages")
    known = [mapping(stage).get("epochs") for stage in stages] if isinstance(stages, list) and stages else [run.planned]
    epochs = sum(one for one in known if isinstance(one, int))
    steps = run.result.get("steps")
    return epochs, steps // epochs if isinstance(steps, int) and epochs else None


def length_in_words(epochs: int, steps: int | None) -> str:
    return counted(epochs, "epoch") + ("" if steps is None else f" of {counted(steps, 'step')}")


def settings_between(one: Entry, other: Entry) -> list[Row]:
    """An older record lacks settings that came later; these are no difference."""
    mine, theirs = (whole(run.settings) for run in (one, other))
    keys = [*mine, *(key for key in theirs if key not in mine)]
    return [
        (as_line(key), text(mine.get(key, ABSENT)), text(theirs.get(key, ABSENT)))
        for key in keys
        if config.alike(mine.get(key)) != config.alike(theirs.get(key))
    ]


def whole(settings: Mapping[str, Any]) -> dict[str, Any]:
    made = config.without(settings, *ASIDE)
    for group in config.LATER:
        if isinstance(made.get(group), dict):
            made[group] = config.completed(group, made)
    return flat(made)


class Figures(NamedTuple):
    """What a run reached and cost: by its result, or while it has none by its epochs so far."""

    top1: float | None
    best: float | None
    percent: float | None
    seconds: float | None
    gflops: dict[str, float]


def figures_of(run: Entry) -> Figures:
    if run.result:
        return Figures(run.top1, number(mapping(run.result.get("best")).get("top1")), run.percent, run.seconds,
                       gflops_of(run))  # fmt: skip
    epochs = epochs_of(run)
    tested = [line["test/top1"] for line in epochs if "test/top1" in line]
    last = epochs[-1] if epochs else {}
    parts = {key.removeprefix("cost/"): value for key, value in last.items() if key.startswith("cost/")}
    return Figures(tested[-1] if tested else None, max(tested, default=None), last.get("cost/percent_of_kd"),
                   last.get("time/train_seconds"), addends_first(parts))  # fmt: skip


def results(one: Entry, other: Entry) -> Iterator[Row]:
    runs = [figures_of(run) for run in (one, other)]
    yield of("test %", [run.top1 for run in runs], 2)
    yield of("best %", [run.best for run in runs], 2)
    yield of("compute % of KD", [run.percent for run in runs], 2)
    yield "time", "", *("-" if run.seconds is None else duration(run.seconds) for run in runs), ""
    mine, theirs = (run.gflops for run in runs)
    for key in addends_first(mine | theirs):
        values = mine.get(key), theirs.get(key)
        difference = "" if None in values else signed(theirs[key] - mine[key])
        yield f"GFLOPs, {part(key)}", "", *map(gflops, values), difference


def signed(difference: float) -> str:
    return f"{'-' if difference < 0 else '+'}{gflops(abs(difference))}"


def of(name: str, values: Sequence[float | None], digits: int) -> Row:
    mine, theirs = values
    difference = "" if mine is None or theirs is None else f"{theirs - mine:+.{digits}f}"
    return name, "", figure(mine, digits), figure(theirs, digits), difference


def curves(one: Entry, other: Entry) -> list[Row]:
    """A few epochs; those that both were evaluated in, where there are any."""
    records = [epochs_of(run) for run in (one, other)]
    mine, theirs = (accuracies(epochs) for epochs in records)
    both = sorted(mine.keys() & theirs.keys()) or sorted(mine.keys() | theirs.keys())
    if not both:
        return []
    where = " / ".join(dict.fromkeys(images_of(epochs) for epochs in records if epochs))
    rows = [of(str(epoch), [mine.get(epoch), theirs.get(epoch)], 2) for epoch in picked(both)]
    return [(f"epoch, {where} %", "", "A", "B", "B - A"), *rows]


def classes(one: Entry, other: Entry) -> list[Row]:
    """Those that differ most in accuracy, by the last epoch that each was evaluated in."""
    mine, theirs = by_class(one), by_class(other)
    if not mine or len(mine) != len(theirs):
        return []
    both = zip(range(len(mine)), mine, theirs, strict=True)
    measured = [(number, a, b) for number, a, b in both if a is not None and b is not None]
    ranked = sorted(measured, key=lambda each: each[2] - each[1], reverse=True)
    shown = ranked if len(ranked) <= 2 * MOST else [*ranked[:MOST], *ranked[-MOST:]]
    names = class_names(one.path, len(mine)) or class_names(other.path, len(mine)) or list(map(str, range(len(mine))))
    title = "class" if len(ranked) <= 2 * MOST else f"class, of {len(ranked)} those that differ most"
    return [(title, "", "A", "B", "B - A"), *(of(names[number], [a, b], 1) for number, a, b in shown)]


def by_class(run: Entry) -> list[float | None]:
    tested = run.result.get("test_per_class")
    if isinstance(tested, list) and all(one is None or number(one) is not None for one in tested):
        return tested
    for line in reversed(lines_of(run.path / "analysis.jsonl")):
        if "accuracy_per_class" in line and check_analysis(line) is None:
            return list(line["accuracy_per_class"])
    return []
