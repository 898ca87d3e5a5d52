"""What the printed accuracies cost: other papers' figures against the compute that their authors' settings spend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from unix_exp import paper
from unix_exp.paper.spent import OF_THE_PAPER, Printed, epochs_of, field, printed
from unix_exp.plots.charts import Front, Point, scatter
from unix_exp.plots.markers import Style
from unix_exp.report.arms import Group
from unix_exp.report.beside import COUNTED, UNPRICED, of_pair
from unix_exp.report.blocks import Block, Cell, Column, Figure, Figures, Heading, Row, Section, Table, slug
from unix_exp.report.tables import signed

ALL_PAIRS = (
    "Gains are over KD on the same pairs, as RepDistiller prints it, which most sources reprint; the UNIX paper's are "
    "over its own KD, both without labels. Plain KD differs by 0.3 to 0.5 points between sources."
)


def sections(groups: Sequence[Group]) -> list[Section]:
    """One, where runs are on images that other papers print figures of."""
    facts = paper.published("field")
    members = {dataset: [one for one in groups if one.dataset == dataset] for dataset in facts if dataset != "title"}
    blocks: list[Block] = []
    for dataset, here in members.items():
        if here and "methods" in facts[dataset]:
            found = printed(dataset)
            blocks += [overview(found, dataset), Figures([figure_over_pairs(found, dataset, here[0].styles)])]
            blocks += [block for group in here for block in of_pair(group, found)]
            blocks.append(best_and_last(here))
    if blocks or members["imagenet"]:
        blocks += [wall_clock(facts["imagenet"])]
    return [Section(facts["title"], slug(facts["title"]), blocks)] if blocks else []


def families_printed() -> list[str]:
    """Of the methods that its figures may show."""
    facts = paper.published("field")
    datasets = [name for name, part in facts.items() if name != "title" and "methods" in part]
    return list(dict.fromkeys(one.family for dataset in datasets for one in printed(dataset)))


def methods_of(found: Iterable[Printed]) -> dict[tuple[str, str], list[Printed]]:
    by_method: dict[tuple[str, str], list[Printed]] = {}
    for one in found:
        by_method.setdefault((one.method, one.source), []).append(one)
    return by_method


def overview(found: Sequence[Printed], dataset: str) -> Table:
    rows: list[Row] = []
    for (method, source), same in methods_of(found).items():
        gains = [one.gain for one in same if one.gain is not None]
        costs = [one.percent for one in same if one.percent is not None]
        spent = [f"{fmean(costs):.0f}", from_to(costs)] if costs else [UNPRICED, same[0].why]
        rows.append([
            method, source, settings_of(same[0], dataset), str(len(same)),
            signed(fmean(gains)), f"{signed(min(gains))} to {signed(max(gains))}", *spent,
        ])  # fmt: skip
    head: list[str | Column] = [
        "method", "printed in", "its authors' settings", "pairs",
        Column("mean", "top-1 % over KD"), Column("from, to", "top-1 % over KD"),
        Column("mean", "compute, % of KD"), Column("from, to", "compute, % of KD"),
    ]  # fmt: skip
    usual = field(dataset)["conventional"]
    return Table(f"What the printed accuracies cost, {dataset}.", head, rows, slug(f"field {dataset}"), texts=3,
                 notes=[ALL_PAIRS, COUNTED.format(**usual), *priced_otherwise(dataset)])  # fmt: skip


def priced_otherwise(dataset: str) -> list[str]:
    rows = field(dataset)["methods"]
    names = {row["criterion"]: name for name, row in rows.items()}
    found = [f"{name} as {names[row['as']]}" for name, row in rows.items() if "as" in row]
    return (
        [f"Priced by another method, as what is added costs nothing by convention: {', '.join(found)}."]
        if found
        else []
    )


def from_to(costs: Sequence[float]) -> str:
    low, high = f"{min(costs):.0f}", f"{max(costs):.0f}"
    return low if low == high else f"{low} to {high}"


def settings_of(one: Printed, dataset: str) -> str | Cell:
    """In words, with where they are written."""
    if one.source == OF_THE_PAPER:
        usual = paper.published()["recipes"][dataset]
        return f"{usual['epochs']} epochs of {usual['batch']}"
    row = field(dataset)["methods"][one.method]
    if (spends := row["spends"]) is None:
        return UNPRICED
    epochs = sorted({epochs_of(spends, pair) for pair, top1 in zip(field(dataset)["pairs"], row["top1"], strict=True)
                     if top1 is not None})  # fmt: skip
    views = "" if spends["views"] == 1 else f", {spends['views']} views"
    return f"{' or '.join(map(str, epochs))} epochs of {spends['batch']}{views} ({spends['in']})"


def figure_over_pairs(found: Sequence[Printed], dataset: str, looks: Mapping[str, Style]) -> Figure:
    """The mean gain of a method over its pairs against its mean compute."""
    points: dict[str, Point] = {}  # by method: KD stands in two sources
    left_out = []
    for (method, _), same in methods_of(found).items():
        costs = [one.percent for one in same if one.percent is not None]
        gain = fmean(one.gain for one in same if one.gain is not None)
        if costs:
            points.setdefault(method, Point(fmean(costs), gain, same[0].family, method, named=True))
        else:
            left_out.append(method)
    missing = f" Not drawn, as their compute is unknown: {'; '.join(left_out)}." if left_out else ""
    drawn = [*points.values()]
    return Figure(
        scatter(drawn, "compute of the authors' settings, % of KD", "printed top-1 % over KD",
                title=f"What the printed accuracies cost, {dataset}", fronts=[Front("best for its compute", drawn)],
                styles=looks),
        f"{dataset}: what other papers print, as the gain over KD, against the compute of their authors' settings; "
        "means over the pairs that each prints, which differ. The stepped line joins the methods that no other beats "
        f"with less compute.{missing}",
        slug(f"field {dataset} all pairs"),
    )  # fmt: skip


def best_and_last(groups: Sequence[Group]) -> Table:
    """By how much the best test epoch is above the last: what a printed best epoch owes to being chosen."""
    rows: list[Row] = []
    for group in groups:
        runs = [run for arm in group.arms for run in arm.runs if not run.chose_on_validation]
        gaps = [run.result["best"]["top1"] - run.top1 for run in runs]
        if gaps:
            rows.append([group.title, "ours", str(len(gaps)), signed(fmean(gaps)), signed(max(gaps))])
    for dataset in dict.fromkeys(group.dataset for group in groups):
        for method, (mean, most) in field(dataset)["best_minus_last"].items():
            rows.append([f"{method}, {dataset}", "published", "", signed(mean), signed(most)])
    return Table(
        "By how much the best test epoch is above the last, top-1 %.",
        ["runs", "whose", "number", "mean", "most"],
        rows,
        "best-and-last",
        texts=2,
        notes=["Published: of 40 logs by the authors of logit-standardization-KD."],
    )


def wall_clock(facts: Mapping[str, Any]) -> Table:
    """ImageNet: what is printed, and the wall clock that one framework's own logs show."""
    rows: list[Row] = []
    for pair, methods in facts["printed"].items():
        logs = facts["logs"].get(pair, {})
        rows.append(Heading(" → ".join(paper.split(pair))))
        for method in dict.fromkeys([*methods, *logs]):
            top1, clock = (f"{one:.2f}" for one in logs[method]) if method in logs else ("", "")
            rows.append([method, by_source(methods.get(method)), top1, clock])
    head: list[str | Column] = [
        "method",
        Column("printed", hint="top-1 %, by source where several print it"),
        Column("top-1 %", "torchdistill's logs"),
        Column("wall clock, KD's", "torchdistill's logs", "on three GPUs"),
    ]
    caption = "ImageNet: what is printed, and the time that it took in the logs of one framework."
    return Table(caption, head, rows, "field-imagenet", texts=2)


def by_source(value: float | Mapping[str, float] | None) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{top1:.2f} ({source})" for source, top1 in value.items())
    return "" if value is None else f"{value:.2f}"
