"""Teachers that cost less: their accuracy, their student's, the compute and the time of a step."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence

from unix_exp import config
from unix_exp.report.arms import Arm, Group, by_length
from unix_exp.report.blocks import MISSING, Cell, Column, Heading, Section, Table, slug
from unix_exp.report.tables import number, signed

CHEAPER = ("precision", *config.LESS)  # of a role, after its name and _
TEACHER = "teacher"
NOTE = (
    "Of each method the arms that differ in the teacher alone. Compute is the same in any precision, and has the "
    "fitting of a layer where the teacher stops early. A step is the whole step, the median over seeds; times of "
    "machines that had other work differ."
)


def sections(found: Sequence[Group]) -> list[Section]:
    """One, where a method was run with a cheaper teacher."""
    made = [one for group in found for length in by_length(group) if (one := table(length)) is not None]
    return [Section("Teachers that cost less", "cheap-teachers", made)] if made else []


def table(group: Group) -> Table | None:
    families = [same for same in alike_but_for_the_teacher(group.arms) if any(map(is_cheaper, same))]
    rows: list[list[str | Cell] | Heading] = []
    for same in families:
        whole = next((arm for arm in same if not is_cheaper(arm)), None)
        rows.append(Heading(same[0].runs[0].result["method"]))
        rows += [row(arm, whole) for arm in sorted(same, key=order)]
    if not rows:
        return None
    return Table(
        f"{group.title}: teachers that cost less.",
        [
            "precision",
            Column("stages", "teacher", "after how many it stops, and a layer fitted to its own answers answers"),
            Column("side", "teacher", "of the images that it sees, as a share of what the student sees"),
            Column("top-1 %", "teacher", "as the student asks it, on the test images"),
            Column("top-1 %", "student"),
            Column("difference", "student", "from the same method with the teacher as it is"),
            Column("of KD", "compute %", "a backward pass priced like a forward pass; KD's teacher sees whole images"),
            Column("a step", "ms"),
        ],
        rows,
        slug(f"cheap teachers {group.dataset} {group.pair} {group.length}"),
        notes=[NOTE],
    )


def alike_but_for_the_teacher(arms: Sequence[Arm]) -> list[list[Arm]]:
    found: dict[str, list[Arm]] = {}
    for arm in arms:
        if arm.taught:
            rest = {key: value for key, value in arm.determining.items() if not makes_cheaper(key, arm)}
            found.setdefault(json.dumps(rest, sort_keys=True, default=str), []).append(arm)
    return list(found.values())


def is_cheaper(arm: Arm) -> bool:
    return any(makes_cheaper(key, arm) for key in arm.determining)


def makes_cheaper(key: str, arm: Arm) -> bool:
    """Of its teacher, or of a further one."""
    role, _, what = key.rpartition("_")
    return what in CHEAPER and (role == TEACHER or role in arm.runs[0].result.get("networks", {}))


def precision_of(arm: Arm) -> str:
    found = arm.runs[0].precisions
    return str(found.get("teacher_precision", found["precision"]))


def order(arm: Arm) -> tuple[float, float, bool, str]:
    return (
        -(arm.runs[0].exit or math.inf),
        -arm.runs[0].shrink,
        "teacher_precision" in arm.determining,
        precision_of(arm),
    )


def row(arm: Arm, whole: Arm | None) -> list[str | Cell]:
    results = [run.result for run in arm.runs]
    teachers = [one["teacher"] for one in results if one["teacher"] is not None]
    asked = [one["asked"]["top1"] for one in teachers if "asked" in one]
    step = statistics.median(1000 * one["time"]["train_seconds"] / one["steps"] for one in results)
    return [
        precision_of(arm),
        "all" if arm.runs[0].exit is None else str(arm.runs[0].exit),
        f"{arm.runs[0].shrink:g}",
        number(statistics.fmean(asked)) if asked else MISSING,
        str(arm.top1),
        "" if whole is arm else MISSING if whole is None else signed(arm.top1.mean - whole.top1.mean),
        number(arm.percent),
        f"{step:.1f}",
    ]
