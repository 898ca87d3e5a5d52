"""Each arm against conventional KD in the same setting, beside what the paper's own pairs gained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from unix_exp import config, paper
from unix_exp.report.arms import Arm, Group, share_of_kd
from unix_exp.report.blocks import Cell, Column, Table, slug
from unix_exp.report.published import same
from unix_exp.report.stats import welch
from unix_exp.report.tables import number, signed, spread_of

NOTE = "Welch's t-test, two-sided, not corrected for the number of comparisons: of twenty, one is below 0.05 by chance."
THEIRS = (
    "The paper's gains are those of the same method over KD on its own pairs of the same data set: "
    "they say in which direction to look, not what this pair should reach."
)


def against_others(group: Group) -> Table | None:
    """Every arm that has a counterpart: KD, or for an arm in another arithmetic the same arm in float32."""
    rows = [row for arm in group.arms for other in counterparts(arm, group) for row in compared(arm, other, group)]
    if not rows:
        return None
    printed = any(row[-1] for row in rows)
    head = [
        "comparison",
        Column("difference", "top-1 %", "of the means over seeds, last epoch"),
        Column("95 % interval", "top-1 %"),
        "p",
        "runs",
        Column("% of KD", "compute", "a backward pass priced like a forward pass"),
    ]
    if printed:
        head += [
            Column("mean", "the paper's gain", "over the pairs of its tables that it ran this method on"),
            Column("from, to", "the paper's gain"),
            Column("pairs", "the paper's gain"),
        ]
    return Table(
        f"{group.title}: arm by arm against KD.",
        head,
        [row if printed else row[:-3] for row in rows],
        slug(f"against {group.dataset} {group.pair}"),
        notes=[NOTE, THEIRS] if printed else [NOTE],
    )


def counterparts(arm: Arm, group: Group) -> Iterator[Arm]:
    others = [other for other in group.arms if other is not arm]
    kd = [other for other in others if is_kd(other) and in_one_setting(arm, other)]
    if taught(arm):
        kd = [other for other in kd if other.settings["criterion"] == arm.settings["criterion"]]
    if len(kd) == 1 and not is_kd(arm):
        yield kd[0]
    own = precisions(arm)
    if own != {"precision": "float32"}:
        yield from (one for one in others if precisions(one) == {"precision": "float32"} and alike(arm, one))


def compared(arm: Arm, other: Arm, group: Group) -> Iterator[list[str | Cell]]:
    test = welch(arm.accuracies, other.accuracies)
    share = share_of_kd(arm, group)
    gains = gains_in_the_paper(arm, group) if is_kd(other) else []
    yield [
        f"{arm.label} \N{MINUS SIGN} {other.label}",
        signed(arm.top1.mean - other.top1.mean),
        "" if test is None else spread_of(test),
        "" if test is None else f"{test.p:.3f}" if test.p >= 0.001 else "< 0.001",
        f"{len(arm.runs)} and {len(other.runs)}",
        number(share),
        signed(fmean(gains)) if gains else "",
        f"{signed(min(gains))} to {signed(max(gains))}" if gains else "",
        str(len(gains)) if gains else "",
    ]


def gains_in_the_paper(arm: Arm, group: Group) -> list[float]:
    """Of this method over KD, pair by pair; a pair that several tables print counts once."""
    published = paper.published()
    gains: dict[str, float] = {}
    for printed in paper.tables().values():
        if printed["dataset"] != group.dataset or not taught(arm):
            continue
        kd = {objective(row): row["accuracy"] for row in printed["rows"] if row["sampler"] == "everything"}
        for row in printed["rows"]:
            for column, pair in enumerate(printed["pairs"]):
                if row["sampler"] != "everything" and same(arm.settings, row, column, printed, published):
                    gains.setdefault(pair, row["accuracy"][column] - kd[objective(row)][column])
    return list(gains.values())


def objective(row: dict[str, Any]) -> str:
    return row.get("criterion", "kd")


def taught(arm: Arm) -> bool:
    return arm.settings["distiller"]["name"] != "supervised"


def is_kd(arm: Arm) -> bool:
    return taught(arm) and arm.settings["sampler"]["name"] == "everything"


def precisions(arm: Arm) -> dict[str, Any]:
    return config.precisions(arm.settings.get("runtime") or {})


def in_one_setting(arm: Arm, other: Arm) -> bool:
    """The same schedule and arithmetic, and where both have one the same teacher."""
    teachers = {one.runs[0].result["teacher"]["identity"] for one in (arm, other) if one.runs[0].result["teacher"]}
    return (
        arm.settings["recipe"] == other.settings["recipe"]
        and precisions(arm) == precisions(other)
        and len(teachers) < 2
    )


def alike(arm: Arm, other: Arm) -> bool:
    keys: Sequence[str] = ("distiller", "sampler", "criterion", "recipe")
    return all(arm.settings[key] == other.settings[key] for key in keys)
