"""A page of finished runs to cite and to repeat: each with its accuracy, compute and the line to copy."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from unix_exp.report.arms import Arm, Group, groups
from unix_exp.report.blocks import Block, Code, Section, Table, slug
from unix_exp.report.origins import lines_of
from unix_exp.report.runs import Run

TITLE = "Results to cite and to repeat"
LEAD = (
    "Each row is one configuration: accuracy on the test images in per cent, mean ± standard deviation over seeds and "
    "in brackets their number; counted compute, a backward pass at one forward pass; and the identity of each run, "
    "which is the last part of its folder's name. Below each table are the lines that make its rows again; on another "
    "processor the last digits differ. A teacher that is missing is trained first."
)


def content(runs: Sequence[Run]) -> tuple[str, str, list[Section]]:
    """A title, a lead and sections, as of any report."""
    students = [run for run in runs if not run.made_a_teacher]
    found = [section(group) for group in groups(students)]
    teachers = [run for run in runs if run.made_a_teacher]
    return TITLE, LEAD, [*found, *of_teachers(teachers)]


def section(group: Group) -> Section:
    rows = [[arm.label, str(arm.top1), share(arm), gflops(arm.runs), epochs(arm.runs), identities(arm.runs)]
            for arm in group.arms]  # fmt: skip
    head = ["method", "top-1 %", "compute, % of KD", "GFLOPs of a run", "epochs", "runs"]
    blocks: list[Block] = [Table("Accuracy and compute.", head, rows, slug(f"cite {group.title}"))]
    blocks += [Code(f"{arm.label}: {arm.top1}", "\n".join(lines)) for arm in group.arms if (lines := lines_of(arm)[1:])]
    return Section(group.title, slug(f"repeat {group.title}"), blocks)


def of_teachers(runs: Sequence[Run]) -> list[Section]:
    """Which their students' lines name."""
    if not runs:
        return []
    rows = [[run.result["student"], run.result["dataset"], f"{run.top1:.2f}", epochs([run]), str(run.result["seed"]),
             str(run.path)] for run in runs]  # fmt: skip
    head = ["network", "data", "top-1 %", "epochs", "seed", "kept in"]
    table = Table("Trained on labels only, for the students above.", head, rows, "cite-teachers", texts=2)
    return [Section("Teachers", "repeat-teachers", [table])]


def share(arm: Arm) -> str:
    known = [one for run in arm.runs if (one := run.result["cost"]["percent_of_kd"]) is not None]
    return f"{statistics.fmean(known):.2f}" if known else ""


def gflops(runs: Sequence[Run]) -> str:
    return f"{statistics.fmean(run.result['cost']['gflops']['total_gflops'] for run in runs):,.0f}"


def epochs(runs: Iterable[Run]) -> str:
    return ", ".join(map(str, dict.fromkeys(run.planned_epochs for run in runs)))


def identities(runs: Sequence[Run]) -> str:
    return ", ".join(run.result["identity"] for run in runs)
