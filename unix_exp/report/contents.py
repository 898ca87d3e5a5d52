"""What a report tells, in order."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from unix_exp.report import figures, published, tables
from unix_exp.report.arms import Group, groups
from unix_exp.report.blocks import Figure, Figures, Section, Table
from unix_exp.report.runs import Run, Skipped

TITLE = "Accuracy against compute"
SHOWN_WHOLE = 3  # groups whose selection is drawn where none is the paper's
SELECTION = ("resnet32x4_shufflev2", "resnet32x4_resnet8x4")  # the pairs of Figures 4 to 6


def lead(runs: Sequence[Run], skipped: Sequence[Skipped]) -> str:
    hardware = Counter(run.result["hardware"] for run in runs)
    torch = sorted({str((run.result.get("versions") or {}).get("torch", "unknown")) for run in runs})
    machines = ", ".join(f"{name} ({count})" for name, count in sorted(hardware.items()))
    left = f" {len(skipped)} folders were skipped; the last section names them." if skipped else ""
    return (
        f"{len(runs)} finished runs. Accuracies are of the last epoch, mean ± standard deviation over seeds and in "
        "brackets their number. Compute is counted, not declared. "
        f"Hardware: {machines}. PyTorch {', '.join(torch)}.{left}"
    )


def sections(runs: Sequence[Run], skipped: Sequence[Skipped]) -> list[Section]:
    students = [run for run in runs if run.result["method"] != "teacher"]
    found = groups(students)
    made = [drawn("Accuracy against compute", "compute", [figures.accuracy_against_compute(one) for one in found])]
    made += paper_sections(students)
    made += [
        drawn("Learning curves", "learning", [figure for one in found for figure in figures.learning_curves(one)]),
        drawn("What is selected", "selection", selection(found)),
        drawn("One setting at a time", "settings", [figure for one in found for figure in figures.over_setting(one)]),
        Section("Every arm", "arms", [tables.group_table(one) for one in found]),
    ]
    if teachers := [run for run in runs if run.result["method"] == "teacher"]:
        made.append(Section("Teachers", "teachers", [tables.teacher_table(teachers)]))
    if skipped:
        made.append(Section("Skipped", "skipped", [tables.skipped_notice(skipped)]))
    return [section for section in made if section.blocks]


def paper_sections(students: Sequence[Run]) -> list[Section]:
    """All of the paper's tables as soon as a run belongs to one of them: what is missing is part of the picture."""
    printed = published.tables(students)
    if not any(table.setting for table in printed):
        return []
    return [
        Section(
            f"Table {number}",
            f"paper-table-{number}",
            [block for table in same for block in tables.published_blocks(table, students)],
        )
        for number, same in itertools.groupby(printed, key=lambda table: table.number)
    ]


def drawn(title: str, anchor: str, found: Sequence[Figure]) -> Section:
    return Section(title, anchor, [Figures(found)] if found else [])


def selection(found: Sequence[Group]) -> list[Figure]:
    """The paper's pairs where they are there, else the first ones: a thousand runs need not draw a thousand maps."""
    theirs = [group for group in found if group.pair in SELECTION]
    made = []
    for group in (theirs or found)[:SHOWN_WHOLE]:
        made += figures.selection_curves(group) + figures.class_figures(group)
    return made


def tables_in(made: Sequence[Section]) -> list[Table]:
    return [block for section in made for block in section.blocks if isinstance(block, Table)]
