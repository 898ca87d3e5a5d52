"""MIX-KD's arms and its grid of teachers and students, beside the figures that are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unix_exp import config, paper
from unix_exp.plots.charts import matrix
from unix_exp.plots.svg import span
from unix_exp.report.arms import Arm, arms, groups
from unix_exp.report.blocks import (
    MISSING,
    Block,
    Cell,
    Column,
    Figure,
    Figures,
    Heading,
    Notice,
    Row,
    Section,
    Table,
    slug,
)
from unix_exp.report.chosen import notes_on
from unix_exp.report.naming import short
from unix_exp.report.runs import Run
from unix_exp.report.setting import Setting

UNKNOWN = Cell("no published figure at hand")
LAST_ALONE = Cell("—", hint="known of its last epoch alone")
ONCE = Cell("—", hint="its training is no part of a student's compute; under One-off costs, if it was trained here")


def sections(students: Sequence[Run]) -> list[Section]:
    """None where no run is of an arm of the paper, but for the control, which other papers have too."""
    facts = paper.published("mixkd")
    if not any(belongs(run, arm, facts) for run in students for arm in facts["arms"] if not arm.get("control")):
        return []
    found = columns(students, facts)
    blocks: list[Block] = [arms_table(found, facts)] if found else []
    drawn = surfaces(students, facts)
    for setting in dict.fromkeys(one.setting for one in drawn):
        blocks += surface_blocks(setting, [one for one in drawn if one.setting == setting], facts)
    return [Section(facts["title"], slug(facts["title"]), blocks)] if blocks else []


def belongs(run: Run, arm: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Whether a run's method is that of an arm, whatever it is called."""
    settings = run.settings
    if run.result["teacher"] is None or settings["distiller"]["name"] != facts["distiller"]:
        return False
    wanted = facts["samplers"][arm["sampler"]], facts["criteria"][arm["criterion"]]
    return bool(config.alike((settings["sampler"], settings["criterion"])) == config.alike(wanted))


@dataclass(frozen=True)
class Compared:
    """Runs that differ in their arm and seed alone: one pair, one setting, one teacher."""

    title: str
    setting: Setting
    runs: Sequence[Run]


def columns(students: Sequence[Run], facts: Mapping[str, Any]) -> list[Compared]:
    """What can be compared, where it is more than the control, and more than a cell of the grid."""
    found = []
    for group in groups(students):
        by_terms: dict[tuple[Setting, float, str], list[Run]] = {}
        for run in (run for arm in group.arms for run in arm.runs):
            if any(belongs(run, arm, facts) for arm in facts["arms"]):
                teacher = run.result["teacher"]
                assert teacher is not None, "an arm has a teacher"
                terms = Setting.of(run), run.settings["recipe"]["lr"], teacher["identity"]
                by_terms.setdefault(terms, []).append(run)
        teachers = [made_by(same[0]) for same in by_terms.values()]
        for (setting, _, _), same in by_terms.items():
            present = [arm for arm in facts["arms"] if any(belongs(run, arm, facts) for run in same)]
            if all(arm.get("control") for arm in present) or all(in_grid(arm, facts) for arm in present):
                continue
            own = made_by(same[0])
            differing = [key for key in own if any(other.get(key) != own[key] for other in teachers)]
            how = ", ".join(f"{short(key)}={config.alike(own[key])}" for key in differing)
            title = f"{group.title}, {setting.title.partition(', ')[2]}"
            found.append(Compared(f"{title}{f'; its teacher with {how}' if how else ''}", setting, same))
    return found


def in_grid(arm: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    grid = facts["grid"]
    return arm["sampler"] == grid["sampler"] and arm["criterion"] in grid["temperatures"].values()


def made_by(run: Run) -> dict[str, Any]:
    """How a missing teacher was trained, by dotted name."""
    parts = {key: run.settings.get(key) or {} for key in ("teacher_sampler", "teacher_criterion")}
    return config.flat({**parts, "teacher_recipe": config.of_recipe(run.settings.get("teacher_recipe") or {})})


def arms_table(found: Sequence[Compared], facts: Mapping[str, Any]) -> Table:
    head: list[str | Column] = [
        "arm",
        Column("ours", "top-1 %", "mean ± standard deviation over seeds (their number), last epoch"),
        Column("published", "top-1 %"),
        Column("best", "top-1 %", "ours, best epoch"),
        Column("ours", "compute, % of KD", "counted; a backward pass priced like a forward pass"),
    ]
    rows: list[Row] = []
    for one in found:
        rows.append(Heading(one.title))
        teacher = one.runs[0].result["teacher"]
        top1 = None if teacher is None else teacher.get("top1")
        rows.append(["teacher", MISSING if top1 is None else f"{top1:.2f}", UNKNOWN, LAST_ALONE, ONCE])
        by_arm = {arm["name"]: arm_of(one.runs, arm, facts) for arm in facts["arms"]}
        best = max((arm.top1.mean for arm in by_arm.values() if arm), default=None)
        rows += [arm_row(name, arm, best, facts) for name, arm in by_arm.items()]
    notes = [
        "Full mixup mixes every pair of a batch, partial mixup a tenth of them. Mixing costs nothing that is counted."
    ]
    notes += notes_on(run for one in found for run in one.runs)
    return Table("MIX-KD: mixup and temperature.", head, rows, "mixkd-arms", notes=notes)


def arm_of(runs: Sequence[Run], arm: Mapping[str, Any], facts: Mapping[str, Any]) -> Arm | None:
    """Our runs of an arm; of several that differ in more than the seed, those with the most seeds."""
    same = arms([run for run in runs if belongs(run, arm, facts)])
    return max(same, key=lambda one: (len(one.runs), one.label)) if same else None


def arm_row(name: str, arm: Arm | None, best: float | None, facts: Mapping[str, Any]) -> Row:
    printed = facts["published"]["arms"].get(name, UNKNOWN)
    if arm is None:
        return [name, MISSING, printed, MISSING, MISSING]
    percent = MISSING if arm.percent is None else f"{arm.percent:.2f}"
    strong = arm.top1.mean == best
    return [name, Cell(str(arm.top1), strong=strong), printed, f"{arm.best.mean:.2f}", percent]


@dataclass(frozen=True)
class Surface:
    """Students by teachers at one temperature and in one setting."""

    temperature: str
    setting: Setting
    cells: Mapping[tuple[str, str], Arm]  # by teacher and student


def surfaces(students: Sequence[Run], facts: Mapping[str, Any]) -> list[Surface]:
    """Where at least two networks of the grid taught or were taught."""
    networks, found = facts["grid"]["networks"], []
    for temperature, criterion in facts["grid"]["temperatures"].items():
        wanted = {"sampler": facts["grid"]["sampler"], "criterion": criterion}
        members = [run for run in students if belongs(run, wanted, facts)]
        for setting in dict.fromkeys(map(Setting.of, members)):
            cells: dict[tuple[str, str], Arm] = {}
            for teacher in networks:
                for student in networks:
                    same = [run for run in members if Setting.of(run) == setting and names(run) == (teacher, student)]
                    if (arm := arm_of(same, wanted, facts)) is not None:
                        cells[teacher, student] = arm
            if len(cells) >= 2:
                found.append(Surface(temperature, setting, cells))
    return sorted(found, key=lambda one: (one.setting.title, one.temperature))


def names(run: Run) -> tuple[str, str]:
    teacher = run.result["teacher"]
    return ("" if teacher is None else teacher["name"], run.result["student"])


def surface_blocks(setting: Setting, found: Sequence[Surface], facts: Mapping[str, Any]) -> list[Block]:
    """The maps of all temperatures with one scale, their numbers, and the published ones."""
    networks = facts["grid"]["networks"]
    limits = span((arm.top1.mean for one in found for arm in one.cells.values()), 0.0)
    figures = []
    for one in found:
        title = f"{setting.title}, {one.temperature}"
        means = [[arm.top1.mean if (arm := one.cells.get((teacher, student))) else None for teacher in networks]
                 for student in networks]  # fmt: skip
        chart = matrix(means, networks, networks, "teacher", "student", "test accuracy, top-1 %",
                       title=f"MIX-KD, {title}", limits=limits)  # fmt: skip
        text = f"{title}: the accuracy of each student taught by each teacher, full mixup; the mean over seeds."
        figures.append(Figure(chart, text, slug(f"mixkd grid {title}")))
    blocks: list[Block] = []
    if differences := setting.differences(facts):
        blocks.append(Notice(f"MIX-KD, {setting.title}: not the published setting", [", ".join(differences)]))
    return [*blocks, Figures(figures), cells_table(setting, found, networks), bands_table(setting, found, facts)]


def cells_table(setting: Setting, found: Sequence[Surface], networks: Sequence[str]) -> Table:
    rows: list[Row] = []
    for one in found:
        rows.append(Heading(one.temperature))
        for student in networks:
            cells = [one.cells.get((teacher, student)) for teacher in networks]
            rows.append([student, *(MISSING if arm is None else str(arm.top1) for arm in cells)])
    head: list[str | Column] = ["student", *(Column(teacher, "top-1 %, by teacher") for teacher in networks)]
    caption = f"MIX-KD, every student by every teacher: {setting.title}."
    return Table(caption, head, rows, slug(f"mixkd {setting.title}"), notes=compute_of(found))


def compute_of(found: Sequence[Surface]) -> list[str]:
    """The compute of all cells in one sentence: students of different networks have the same share of their KD."""
    shares = {f"{arm.percent:.2f}" for one in found for arm in one.cells.values() if arm.percent is not None}
    if not shares:
        return []
    low, high = min(shares, key=float), max(shares, key=float)
    counted = low if low == high else f"{low} to {high}"
    return [f"Compute, counted: {counted} % of KD with the same teacher and student."]


def bands_table(setting: Setting, found: Sequence[Surface], facts: Mapping[str, Any]) -> Table:
    """The cells of which a published figure is known, at any temperature."""
    bands = facts["published"]["bands"]
    rows: list[Row] = []
    for one in found:
        rows.append(Heading(one.temperature))
        for cell in bands["cells"]:
            arm = one.cells.get((cell["teacher"], cell["student"]))
            ours = MISSING if arm is None else str(arm.top1)
            printed = cell["top1"] if one.temperature == bands["temperature"] else UNKNOWN
            percent = MISSING if arm is None or arm.percent is None else f"{arm.percent:.2f}"
            rows.append([f"{cell['teacher']} → {cell['student']}", ours, printed, percent])
    head: list[str | Column] = [
        "pair", Column("ours", "top-1 %"), Column("published", "top-1 %"), Column("ours", "compute, % of KD"),
    ]  # fmt: skip
    notes = [f"Published: {bands['source']}. {bands['note']}"]
    anchor = slug(f"mixkd corners {setting.title}")
    return Table(f"MIX-KD, the corners of the grid: {setting.title}.", head, rows, anchor, notes=notes)
