"""The sections of a report, in order."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unix_exp import paper
from unix_exp.report import (
    ablations,
    adaptive,
    against,
    answer,
    answers,
    cheaper,
    classes,
    deployed,
    field,
    learning,
    mixkd,
    origins,
    pad,
    probes,
    published,
    selection,
    tables,
    tradeoff,
)
from unix_exp.report.arms import Group, groups
from unix_exp.report.blocks import Block, Figure, Figures, Section, Table, Text
from unix_exp.report.one_off import one_off_costs
from unix_exp.report.runs import Run, Skipped
from unix_exp.report.styles import dressed

TITLE = "Accuracy against compute"
MOST_GROUPS = 3  # whose selection is drawn, the paper's pairs first: a thousand runs need no thousand maps


def lead(runs: Sequence[Run], skipped: Sequence[Skipped]) -> str:
    """How many runs it is of, and what to know before any of it is believed."""
    folders = "1 folder was" if len(skipped) == 1 else f"{len(skipped)} folders were"
    warning = f" {folders} skipped; the last section says why." if skipped else ""
    count = "1 finished run" if len(runs) == 1 else f"{len(runs)} finished runs"
    return f"{count}.{warning}"


def how_it_was_made(runs: Sequence[Run]) -> str:
    hardware = Counter(map(origins.machine_of, runs))
    versions = [run.result["versions"] for run in runs if "versions" in run.result]
    torch = sorted({str(one.get("torch", "unknown")) for one in versions})
    machines = ", ".join(f"{name} ({count})" for name, count in sorted(hardware.items()))
    chosen = ", or of the one that is best on validation images where there are any"
    which = "last epoch" + chosen * any(run.chose_on_validation for run in runs)
    return (
        f"Accuracies are of the {which}, mean ± standard deviation over seeds and in brackets their number. Compute is "
        f"counted, operation by operation. Hardware: {machines}. PyTorch {', '.join(torch)}."
    )


def students_of(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if not run.made_a_teacher]


def grouped(runs: Sequence[Run]) -> list[Group]:
    """What the sections compare."""
    return dressed(groups(students_of(runs)), field.families_printed())


def sections(runs: Sequence[Run], found: Sequence[Group]) -> list[Section]:
    """`found` are the groups of these runs."""
    students, made = students_of(runs), []
    if (opening := answer.section(found)) is not None:
        made.append(opening)
    told = {block.anchor for section in made for block in section.blocks if isinstance(block, Figure)}
    costs = [figure for one in found for figure in tradeoff.figures(one) if figure.anchor not in told]
    made.append(drawn("Accuracy against compute and time", "compute", costs))
    made += answers.sections(found)
    made += cheaper.sections(found)
    made += paper_sections(students)
    made += pad.sections(found)
    made += mixkd.sections(students)
    made += adaptive.sections(found)
    made += field.sections(found)
    made += [
        drawn("Learning curves", "learning", [figure for one in found for figure in learning.learning_curves(one)]),
        selection_section(found),
        drawn(
            "One setting at a time", "settings", [figure for one in found for figure in ablations.over_settings(one)]
        ),
        Section("Every arm", "arms", [block for one in found for block in every_arm(one)]),
    ]
    made += probes.sections(runs)
    made += deployed.sections(runs)
    if teachers := [run for run in runs if run.made_a_teacher]:
        made.append(Section("Teachers", "teachers", [tables.teacher_table(teachers)]))
    if (costs_once := one_off_costs(runs)) is not None:
        made.append(Section("One-off costs", "one-off", [costs_once]))
    made.append(Section("Machines, code and commands", "origins", origins_of(runs, found)))
    return with_unique_anchors([section for section in made if section.blocks])


def before_origins(made: Sequence[Section]) -> int:
    """Where a section about all runs belongs: before where they come from."""
    return next(number for number, section in enumerate(made) if section.anchor == "origins")


def warnings(runs: Sequence[Run], skipped: Sequence[Skipped]) -> list[Section]:
    """What could not be shown, or not wholly; asked for last, when all records were read."""
    made = []
    if flawed := [(run, flaw) for run in runs for flaw in run.flaws]:
        made.append(Section("Records that are not whole", "records", [tables.flaws_notice(flawed)]))
    if skipped:
        made.append(Section("Skipped", "skipped", [tables.skipped_notice(skipped)]))
    return made


def with_unique_anchors(made: Sequence[Section]) -> list[Section]:
    """Number anchors that occur twice: names that differ can have the same slug."""
    taken: set[str] = set()

    def unique(anchor: str) -> str:
        number = next(number for number in itertools.count(1) if suffixed(anchor, number) not in taken)
        taken.add(suffixed(anchor, number))
        return suffixed(anchor, number)

    def renamed(block: Any) -> Any:
        if isinstance(block, Figures):
            return replace(block, figures=[renamed(figure) for figure in block.figures])
        return replace(block, anchor=unique(block.anchor)) if getattr(block, "anchor", "") else block

    return [
        replace(section, anchor=unique(section.anchor), blocks=[renamed(block) for block in section.blocks])
        for section in made
    ]


def suffixed(anchor: str, number: int) -> str:
    return anchor if number == 1 else f"{anchor}-{number}"


def paper_sections(students: Sequence[Run]) -> list[Section]:
    """All of the paper's tables as soon as a run belongs to one of them, so that missing cells show."""
    printed = published.tables(students)
    if not any(table.setting for table in printed):
        return []
    return [
        Section(
            f"Table {number}",
            f"paper-table-{number}",
            [block for table in same for block in tables.published_blocks(table, same)],
        )
        for number in dict.fromkeys(table.number for table in printed)
        for same in [[table for table in printed if table.number == number]]
    ]


def every_arm(group: Group) -> list[Block]:
    compared = against.against_others(group)
    return [tables.group_table(group), *([compared] if compared else [])]


def origins_of(runs: Sequence[Run], found: Sequence[Group]) -> list[Block]:
    return [Text(how_it_was_made(runs)), origins.origins(runs), *filter(None, map(origins.commands, found))]


def drawn(title: str, anchor: str, found: Sequence[Figure]) -> Section:
    return Section(title, anchor, [Figures(found)] if found else [])


def selection_section(found: Sequence[Group]) -> Section:
    """Figures 4 to 6, the paper's pairs first."""
    pairs = [paper.published()["figures"][number] for number in (4, 5, 6)]
    ranked = sorted(found, key=lambda group: group.pair not in pairs)
    made = [
        figure
        for group in ranked[:MOST_GROUPS]
        for figure in selection.selection_curves(group) + classes.class_figures(group)
    ]
    blocks: list[Block] = [Figures(made)] if made else []
    if made and ranked[MOST_GROUPS:]:
        rest = ", ".join(group.title for group in ranked[MOST_GROUPS:])
        blocks.append(Text(f"Not drawn here: {rest}. Make a report of their folders alone to see them."))
    return Section("What is selected", "selection", blocks)


def tables_in(made: Sequence[Section]) -> list[Table]:
    return [block for section in made for block in section.blocks if isinstance(block, Table)]
