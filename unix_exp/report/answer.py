"""The answer of a report, before anything else: what was compared, who wins, how certainly, at what compute."""

from __future__ import annotations

from collections.abc import Sequence

from unix_exp.paper import families
from unix_exp.report import tradeoff
from unix_exp.report.arms import Arm, Group, share_of_kd
from unix_exp.report.blocks import MISSING, Block, Cell, Column, Entry, Figure, Row, Section, Table, Text
from unix_exp.report.chosen import notes_on_arms
from unix_exp.report.contests import Contest, contests
from unix_exp.report.stats import welch
from unix_exp.report.tables import signed, spread_of
from unix_exp.words import counted, duration, listed

MOST_ROWS = 8
MOST_NAMED = 2  # of the other pairs
KD = families.conventional()
ALONE = "the student alone"
NOTE = (
    "In brackets: the number of seeds; the 95 % interval of Welch's t-test. The best of several was chosen by these "
    "very figures, which favours it. Compute: a backward pass priced like a forward pass."
)


def section(found: Sequence[Group]) -> Section | None:
    """None where no student was trained."""
    ordered = contests(found)
    if not ordered:
        return None
    first = ordered[0]
    blocks: list[Block] = [Text(" ".join(sentences(first))), table(first)]
    if len(first.group.arms) > 1:
        blocks.append(figure(first))
    if rest := what_else(ordered):
        blocks.append(Text(rest))
    return Section("In short", "answer", blocks, opens=True)


def figure(contest: Contest) -> Figure:
    return tradeoff.accuracy_against_compute(contest.group)


def sentences(contest: Contest) -> list[str]:
    """Three: what was compared, who wins, and what the cheapest way or the teacher is worth."""
    kd, others, best = contest.kd, contest.others, contest.arms[0]
    said = [compared(contest)]
    if kd is None:
        said.append(f"{name(best, contest)} comes out best with {reached(best)}.")
        return [*said, f"There is no {KD} beside it to hold it against."]
    told = [best]
    if best is not kd:
        said.append(f"{name(best, contest)} comes out best with {reached(best)}: {beside(best, contest)}.")
    elif others:
        told.append(others[0])
        said.append(f"{KD} comes out best with {reached(kd)}; next is {others[0].label}, {beside(others[0], contest)}.")
    else:
        said.append(f"{KD} reaches {reached(kd)}.")
    thrifty = less_compute(contest)
    if thrifty is not None and thrifty not in told:
        said.append(f"With less compute than {KD} the best is {thrifty.label}, {beside(thrifty, contest)}.")
    elif contest.alone is not None and contest.alone not in told:
        said.append(f"The student alone reaches {reached(contest.alone)}: {beside(contest.alone, contest)}.")
    elif contest.alone is None:
        said.append("The student alone was not run, so what the teacher adds is not known.")
    return said


def compared(contest: Contest) -> str:
    """What, on what, for how long, how often."""
    arms = contest.arms
    lengths = sorted({arm.settings["recipe"]["epochs"] for arm in arms})
    epochs = "1 epoch" if lengths == [1] else f"{from_to(lengths)} epochs"
    seeds = sorted({len(arm.runs) for arm in arms})
    each = "1 seed" if seeds == [1] else f"{from_to(seeds)} seeds"
    where = contest.group.title.removesuffix(f" ({contest.group.length})")
    if contest.kd is None:
        what = counted(len(contest.others), "method") if contest.others else ALONE
    elif contest.others:
        what = f"{counted(len(contest.others), 'method')} against {KD}"
    else:
        what = KD
    return f"{what[0].upper()}{what[1:]}: {where}, {epochs}, {each} each."


def from_to(values: Sequence[int]) -> str:
    return str(values[0]) if len(values) == 1 else f"{values[0]} to {values[-1]}"


def name(arm: Arm, contest: Contest) -> str:
    return KD if arm is contest.kd else "The student alone" if arm is contest.alone else arm.label


def reached(arm: Arm) -> str:
    return f"{arm.top1.mean:.2f} %"


def beside(arm: Arm, contest: Contest) -> str:
    """Its difference from KD, how certain that is, and its compute."""
    share = share_of_kd(arm, contest.group)
    cost = "" if share is None else f" at {percent(share)} of {KD}'s compute"
    if contest.kd is None or arm not in contest.held:
        return f"which differs from {KD} in more than the method{cost and ','}{cost}"
    return f"{signed(arm.top1.mean - contest.kd.top1.mean)} points from {KD} ({certainty(arm, contest.kd)}){cost}"


def percent(share: float) -> str:
    return f"{share:.0f} %" if share >= 10 else f"{share:.2g} %"


def certainty(arm: Arm, kd: Arm) -> str:
    test = welch(arm.accuracies, kd.accuracies)
    if test is None:
        return "one seed: no certainty" if few(arm, kd) else "the seeds agree exactly: no interval"
    low, high = test.interval
    verdict = "so it may be randomness" if low <= 0 <= high else "which excludes zero"
    return f"95 % interval {spread_of(test)}, {verdict}"


def few(arm: Arm, kd: Arm) -> bool:
    return min(len(arm.runs), len(kd.runs)) < 2


def less_compute(contest: Contest) -> Arm | None:
    """The best method that costs less than KD."""
    assert contest.kd is not None, "there is nothing to cost less than"
    whole = share_of_kd(contest.kd, contest.group) or 100.0
    shares = ((arm, share_of_kd(arm, contest.group)) for arm in contest.others)
    return next((arm for arm, share in shares if share is not None and share < whole), None)


def table(contest: Contest) -> Table:
    """The best arms, and always KD and the student alone; of arms that cost less than KD at least the best."""
    always = [contest.kd, contest.alone, less_compute(contest) if contest.kd else None]
    kept = [arm for arm in always if arm is not None]
    room = MOST_ROWS - len(kept) - (contest.alone is None)
    kept += [arm for arm in contest.arms if arm not in kept][:room]
    shown = [arm for arm in contest.arms if arm in kept]
    rows: list[Row] = [row(arm, contest) for arm in shown]
    if contest.alone is None:
        rows.append([Cell("student alone", hint="without a teacher"), *[MISSING] * 4])
    left = len(contest.arms) - len(shown)
    more = f", the best of {len(contest.arms)}" if left else ""
    return Table(
        f"{contest.group.title}{more}.",
        [
            "method",
            Column("top-1 %", hint="mean ± standard deviation over seeds (their number)"),
            Column(f"from {KD}", hint="difference of the means over seeds, and its 95 % interval"),
            Column("compute %", hint=f"of {KD}'s over as many epochs"),
            Column("time", hint="of training, median over seeds"),
        ],
        rows,
        "answer-table",
        notes=[NOTE, *notes_on_arms(shown)],
    )


def row(arm: Arm, contest: Contest) -> Entry:
    share = share_of_kd(arm, contest.group)
    shown, _, seeds = str(arm.top1).partition(" ")
    label = arm.label if arm is not contest.alone else f"student alone: {arm.label}"
    cells: list[str | Cell] = [
        Cell(label, strong=arm is contest.kd, hint=arm.details if arm.details != arm.label else ""),
        Cell(shown, strong=len(contest.arms) > 1 and arm is contest.arms[0], aside=seeds),
        difference(arm, contest),
        "" if share is None else f"{share:.1f}",
        duration(arm.seconds),
    ]
    return Entry(cells, contest.group.about(arm))


def difference(arm: Arm, contest: Contest) -> str | Cell:
    if arm is contest.kd:
        return ""
    if contest.kd is None or arm not in contest.held:
        return Cell("—", hint=f"no {KD} that differs from it in the method alone")
    test = welch(arm.accuracies, contest.kd.accuracies)
    aside = f"({spread_of(test)})" if test else "(1 seed)" if few(arm, contest.kd) else "(no spread)"
    return Cell(signed(arm.top1.mean - contest.kd.top1.mean), aside=aside)


def what_else(ordered: Sequence[Contest]) -> str:
    """How many other comparisons there are, and arms that no KD matches."""
    first, rest = ordered[0], [one for one in ordered[1:] if one.kd and one.others]
    groups = list(dict.fromkeys(one.group.title for one in rest))
    arms = {(one.group.title, arm.label) for one in ordered for arm in one.group.arms}
    held = {(one.group.title, arm.label) for one in [first, *rest] for arm in one.arms}
    parts = []
    if rest:
        parts.append(f"{counted(len(rest), 'other comparison')} with {KD} ({listed(groups, MOST_NAMED)})")
    if left := len(arms - held):
        parts.append(f"{counted(left, 'more arm')} that differ from every {KD} in more than the method")
    return f"Further down: {' and '.join(parts)}." if parts else ""
