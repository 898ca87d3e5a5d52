"""Stored answers: what they reach for which part of conventional KD's compute, alone and shared by many runs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from unix_exp import config
from unix_exp.report.arms import Arm, Group, by_length
from unix_exp.report.blocks import MISSING, Cell, Column, Entry, Section, Table, slug
from unix_exp.report.chosen import notes_on_arms
from unix_exp.report.stats import welch
from unix_exp.report.tables import UNCORRECTED, number, signed, spread_of
from unix_exp.run.record import Result
from unix_exp.words import duration

STORED = "answers_gflops"  # the part of a record's cost
NOTES = [
    "Compute counts the teacher's looks at the views that a run uses, whole, even where another run had made them; "
    "a backward pass is priced like one forward pass, or like two. Shared: each look is divided among the runs in this "
    "report that use it. Time is the median over seeds, the making of the answers included.",
    f"The interval is of Welch's t-test. {UNCORRECTED}",
]


def sections(found: Sequence[Group]) -> list[Section]:
    """One, where a run used stored answers."""
    apart = [one for group in found for one in by_length(group)]
    tables = [table(group) for group in apart if any(arm.stored for arm in group.arms)]
    return [Section("Stored answers", "stored-answers", tables)] if tables else []


def table(group: Group) -> Table:
    """KD, every arm on stored answers, and the controls that are held against the same schedule."""
    usual = [arm for arm in group.arms if arm.conventional]
    results = [run.result for arm in group.arms for run in arm.runs]
    taught = [arm for arm in group.arms if arm.taught]
    return Table(
        f"{group.title}: stored answers beside KD and controls.",
        [
            "method",
            Column("views", hint="fixed views of every image, which the teacher looks at once"),
            "top-1 %",
            Column("difference", "from KD", "of the means over seeds"),
            Column("95 % interval", "from KD"),
            Column("of KD", "compute %", "a backward pass priced like a forward pass"),
            Column("backward x 2", "compute %", "a backward pass priced like two forward passes"),
            Column("shared", "compute %", "each look divided among the runs here that use it"),
            "time",
        ],
        [
            Entry(row(arm, usual, results), group.about(arm))
            for arm in sorted(taught, key=lambda arm: -(arm.percent or 0.0))
        ],
        slug(f"stored answers {group.dataset} {group.pair} {group.length}"),
        notes=[*NOTES, *notes_on_arms(group.arms)],
    )


def row(arm: Arm, usual: Sequence[Arm], results: Sequence[Result]) -> list[str | Cell]:
    kd = next((one for one in usual if alike(one, arm)), None)
    test = welch(arm.accuracies, kd.accuracies) if kd is not None and kd is not arm else None
    cost = arm.runs[0].result["cost"]
    return [
        arm.label,
        str(config.of_answers(arm.settings).get("views", "")),
        str(arm.top1),
        "" if kd is arm else MISSING if kd is None else signed(arm.top1.mean - kd.top1.mean),
        "" if kd is arm else MISSING if test is None else spread_of(test),
        number(cost["percent_of_kd"]),
        number(cost["percent_of_kd_backward_2"]),
        number(fmean(shared(run.result, results) for run in arm.runs)) if arm.stored else "",
        duration(arm.seconds),
    ]


def alike(one: Arm, other: Arm) -> bool:
    """Whether two arms share teacher, recipe and arithmetic."""
    mine, theirs = one.runs[0], other.runs[0]
    teachers = [run.result["teacher"] for run in (mine, theirs)]
    if len({teacher and teacher["identity"] for teacher in teachers}) > 1:
        return False
    recipes = [config.whole_recipe(run.settings["recipe"]) for run in (mine, theirs)]
    return recipes[0] == recipes[1] and mine.precisions == theirs.precisions


def shared(result: Result, results: Sequence[Result]) -> float:
    """The percentage of KD with each look at a view divided among the runs that used this view."""
    cost, own = result["cost"], result["answers"]
    look = float(cost["gflops"][STORED]) / own["views"]  # type: ignore[literal-required]
    beside = [one["answers"] for one in results if "answers" in one]
    users = [one["views"] for one in beside if one["store"] == own["store"]]
    divided = sum(look / sum(views > view for views in users) for view in range(own["views"]))
    total = cost["gflops"]["total_gflops"]
    saved = own["views"] * look - divided
    return float(cost["percent_of_kd"] or 0.0) * (total - saved) / total
