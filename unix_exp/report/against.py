"""Each arm against conventional KD in the same setting, beside the gains of the paper's own pairs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from statistics import fmean

from unix_exp import config, paper
from unix_exp.report.arms import Arm, Group, share_of_kd
from unix_exp.report.blocks import MISSING, Cell, Column, Entry, Table, slug
from unix_exp.report.chosen import notes_on_arms
from unix_exp.report.published import matches
from unix_exp.report.stats import welch
from unix_exp.report.tables import UNCORRECTED, number, p_of, signed, spread_of

PRECISIONS = {"precision", "teacher_precision", "scout_precision", *(f"teacher_{name}" for name in config.LESS)}
FLOAT32 = {"precision": "float32"}
OF_METHODS = ("sampler.", "distiller.", "answers.", "scout_precision")  # KD never scouts
NOTE = f"Welch's t-test. {UNCORRECTED} It needs two runs of each."
THEIRS = (
    "The paper's gains are those of the same method over KD on its own pairs of the same data set: "
    "they show the direction to expect, not what this pair should reach."
)


def against_others(group: Group) -> Table | None:
    """Every arm that has a counterpart: KD, or for an arm in another precision the same arm in float32."""
    known = [(arm, compared(arm, other, group)) for arm, other in pairs(group)]
    if not known:
        return None
    printed = any(row[-1] for _, row in known)
    head: list[str | Column] = [
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
        [Entry(row if printed else row[:-3], group.about(arm)) for arm, row in known],
        slug(f"against {group.dataset} {group.pair}"),
        notes=[NOTE, *[THEIRS] * printed, *notes_on_arms(group.arms)],
    )


def pairs(group: Group) -> Iterator[tuple[Arm, Arm]]:
    """Each arm with those that it is held against, which are looked for among few of thousands."""
    alike: dict[str, list[Arm]] = {}
    for arm in group.arms:
        alike.setdefault(shared(arm), []).append(arm)
    for arm in group.arms:
        yield from ((arm, other) for other in counterparts(arm, alike[shared(arm)]))


def shared(arm: Arm) -> str:
    """The settings that no arm differs in from one that it is held against."""
    free = (*OF_METHODS, "criterion.", "teacher")
    common = {
        key: value
        for key, value in arm.determining.items()
        if value is not None and key not in PRECISIONS and not key.startswith(free)
    }
    return json.dumps(common, sort_keys=True, default=str)


def counterparts(arm: Arm, others: Sequence[Arm]) -> Iterator[Arm]:
    mine, plain = arm.determining, arm.runs[0].precisions == FLOAT32
    for other in others:
        if other is arm or (plain and not other.conventional):
            continue
        theirs = other.determining
        differing = {key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)}
        in_method = other.conventional and all(key.startswith(beside_the_method(arm)) for key in differing)
        in_loss = replaces(arm, other) and all(key.startswith("criterion.") for key in differing)
        in_precision = differing <= PRECISIONS and other.runs[0].precisions == FLOAT32
        if in_method or in_loss or in_precision:
            yield other


def replaces(arm: Arm, other: Arm) -> bool:
    """Whether an arm has other losses in the place of conventional distillation's, and labels if the other has."""
    usual, labels = paper.published()["conventional"]["criterion"], paper.published()["labels"]
    mine, theirs = set(arm.settings["criterion"]), set(other.settings["criterion"])
    return other.conventional and usual not in mine and theirs == {usual} | (mine & {labels}) and mine != {labels}


def beside_the_method(arm: Arm) -> tuple[str, ...]:
    """Settings in which an arm and its KD may differ: those of the method, but not the schedule, data or networks."""
    return OF_METHODS if arm.taught else (*OF_METHODS, "criterion.", "teacher")


def compared(arm: Arm, other: Arm, group: Group) -> list[str | Cell]:
    test = welch(arm.accuracies, other.accuracies)
    gains = gains_in_the_paper(arm, group) if other.conventional else []
    return [
        f"{arm.label} \N{MINUS SIGN} {other.label}",
        signed(arm.top1.mean - other.top1.mean),
        MISSING if test is None else spread_of(test),
        MISSING if test is None else p_of(test),
        f"{len(arm.runs)} and {len(other.runs)}",
        number(share_of_kd(arm, group)),
        signed(fmean(gains)) if gains else "",
        f"{signed(min(gains))} to {signed(max(gains))}" if gains else "",
        str(len(gains)) if gains else "",
    ]


def gains_in_the_paper(arm: Arm, group: Group) -> list[float]:
    """Of this method over KD, pair by pair; where several tables print a pair, the last one counts.

    Table 2 prints for WRN-40-2 -> WRN-16-2 what Table 5 has for w = 1; Table 5 comes later.
    """
    published = paper.published()
    gains: dict[str, float] = {}
    for printed in paper.tables().values():
        if printed["dataset"] != group.dataset or not arm.taught:
            continue
        kd = {paper.criterion_of(row): row["accuracy"] for row in printed["rows"] if paper.is_baseline(row)}
        for row in printed["rows"]:
            for column, pair in enumerate(printed["pairs"]):
                if not paper.is_baseline(row) and matches(arm.settings, row, column, printed, published):
                    gains[pair] = row["accuracy"][column] - kd[paper.criterion_of(row)][column]
    return list(gains.values())
