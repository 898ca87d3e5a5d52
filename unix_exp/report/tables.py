"""Tables of the report: the paper's figures beside ours, and those of any runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from unix_exp import paper
from unix_exp.paper import families
from unix_exp.report.arms import Arm, Group, same_length, schedule_of, share_of_kd
from unix_exp.report.blocks import MISSING, RUNS, Block, Cell, Column, Entry, Heading, Notice, Table, slug
from unix_exp.report.chosen import notes_on, notes_on_arms
from unix_exp.report.published import PaperCell, PaperTable
from unix_exp.report.runs import Run, Skipped
from unix_exp.report.stats import Summary, Welch, welch
from unix_exp.words import duration

CellRow: TypeAlias = "list[str | Cell]"

UNCORRECTED = "Two-sided, not corrected for multiple comparisons: of twenty, one is expected below 0.05 by chance."
MINUS = "\N{MINUS SIGN}"


def published_blocks(table: PaperTable, others: Sequence[PaperTable]) -> list[Block]:
    """A table of the paper with our figures beside it, and notices where they cannot be compared."""
    blocks = list[Block]()
    if differences := table.differences():
        blocks.append(
            Notice("Not the paper's setting", [f"{', '.join(differences)}: the two columns cannot be compared"])
        )
    blocks.append(beside(table, others))
    tests = against_kd(table)
    if tests is not None:
        blocks.append(tests)
    return blocks


def beside(table: PaperTable, others: Sequence[PaperTable]) -> Table:
    printed = table.printed
    has_top5 = any(cell.top5 is not None for cell in table.cells)
    head: list[str | Column] = [
        "method",
        Column("ours", "top-1 %", "mean ± standard deviation over seeds (their number), last epoch"),
        Column("paper", "top-1 %"),
        Column("difference", "top-1 %"),
        Column("best", "top-1 %", "ours, best epoch: what the authors' code reports"),
    ]
    if has_top5:
        head += [Column("ours", "top-5 %"), Column("paper", "top-5 %")]
    head += [
        Column("ours", "compute, % of KD", "counted by us; a backward pass priced like a forward pass"),
        Column("paper", "compute, % of KD"),
        Column("backward x2", "compute, % of KD", "ours; a backward pass priced at two forward passes"),
    ]
    rows: list[CellRow | Heading] = []
    for column, pair in enumerate(table.pairs):
        cells, comparable = table.column(pair), table.comparable(pair)
        rows.append(Heading(pair_title(pair)))
        printed_here = {name: printed[name][column] if name in printed else None for name in ("teacher", "student")}
        if "teacher" in printed or any(cell.runs for cell in cells):
            rows.append(reference("teacher", teachers_of(cells), printed_here["teacher"], comparable, len(head)))
        alone = [run.top1 for run in table.alone.get(pair, [])]
        if "student" in printed or alone:
            rows.append(reference("student alone", alone, printed_here["student"], comparable, len(head)))
        rows += [row_of(cell, cells, comparable, has_top5) for cell in cells]
    if all("mean" in row for row in printed["rows"]):
        rows.append(Heading("mean of the pairs"))
        rows += [mean_row(table, row, len(head)) for row in printed["rows"]]
    notes = [
        printed.get("note"),
        how_many(printed),
        *deviation_notes(table),
        *table.notes,
        *notes_on(run for cell in table.cells for run in cell.runs),
    ]
    return Table(caption_of(table, others), head, rows, table.name, notes=[note for note in notes if note])


def caption_of(table: PaperTable, others: Sequence[PaperTable]) -> str:
    """The title and the setting; where our runs have several settings of one title, what sets this one apart."""
    recipe = paper.published()["recipes"][table.printed["dataset"]]
    theirs = f"{table.printed['dataset']}, {recipe['epochs']} epochs, batch {recipe['batch']}"
    caption = f"Table {table.number}: {table.printed['title']}. {table.setting.title if table.setting else theirs}"
    if table.setting is None:
        return f"{caption}."
    rivals = [one.setting for one in others if one.setting not in (None, table.setting)]
    differences = [text for one in rivals if one and one.title == table.setting.title
                   for text in table.setting.differences_from(one)]  # fmt: skip
    return f"{caption}{''.join(f', {text}' for text in dict.fromkeys(differences))}."


def deviation_notes(table: PaperTable) -> list[str]:
    return [
        f"{pair_title(pair)} cannot be compared with the paper: {', '.join(found)}."
        for pair, found in table.deviations.items()
        if found and not table.differences()
    ]


def how_many(printed: Mapping[str, Any]) -> str:
    return f"The paper's figures are means of {printed['runs']} runs." if "runs" in printed else ""


def pair_title(pair: str) -> str:
    return " → ".join(paper.split(pair))


def row_of(cell: PaperCell, column: Sequence[PaperCell], comparable: bool, has_top5: bool) -> CellRow:
    ours = cell.ours
    best = Summary.of([run.result["best"]["top1"] for run in cell.runs])
    top5 = Summary.of([run.result["last"]["top5"] for run in cell.runs])
    beaten = [other.ours.mean for other in column if other is not cell and other.ours]
    cells: CellRow = [
        cell.row,
        shown(ours, strong=ours is not None and bool(beaten) and ours.mean > max(beaten)),
        number(cell.accuracy),
        difference(ours, cell.accuracy if comparable else None),
        MISSING if best is None else f"{best.mean:.2f}",
    ]
    if has_top5:
        cells += [shown(top5), number(cell.top5)]
    share = cell.runs[0].result["cost"] if cell.runs else None
    cells += [
        MISSING if share is None else f"{share['percent_of_kd']:.2f}",
        number(cell.compute),
        MISSING if share is None else f"{share['percent_of_kd_backward_2']:.2f}",
    ]
    return cells


def reference(name: str, values: Sequence[float], printed: float | None, comparable: bool, width: int) -> CellRow:
    ours = Summary.of(values)
    row: CellRow = [name, shown(ours), number(printed), difference(ours, printed if comparable else None)]
    return row + [""] * (width - len(row))


def mean_row(table: PaperTable, row: Mapping[str, Any], width: int) -> CellRow:
    """Over the pairs; ours only where every pair was run, as the mean of fewer pairs cannot be compared."""
    ours = [cell.ours for cell in table.cells if cell.row == row["name"]]
    means = [one.mean for one in ours if one is not None]
    whole = Summary(sum(means) / len(means), None, len(means)) if len(means) == len(ours) else None
    costs = [cell.runs[0].result["cost"] for cell in table.cells if cell.row == row["name"] and cell.runs]
    cells: CellRow = [
        row["name"],
        MISSING if whole is None else f"{whole.mean:.2f}",
        number(row["mean"]),
        difference(whole, row["mean"] if all(map(table.comparable, table.pairs)) else None),
    ]
    shares = [[cost["percent_of_kd"] for cost in costs], [cost["percent_of_kd_backward_2"] for cost in costs]]
    once, twice = ("" if whole is None else number(mean_of_known(one)) for one in shares)
    return [*cells, *[""] * (width - len(cells) - 3), once, "", twice]


def mean_of_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def teachers_of(cells: Sequence[PaperCell]) -> list[float]:
    """The accuracy of each teacher once, however many runs learned from it."""
    teachers = [run.result["teacher"] for cell in cells for run in cell.runs]
    return list({one["identity"]: one["top1"] for one in teachers if one is not None}.values())


def shown(ours: Summary | None, strong: bool = False) -> str | Cell:
    return MISSING if ours is None else Cell(str(ours), strong=strong)


def number(printed: float | None) -> str:
    return "" if printed is None else f"{printed:.2f}"


def difference(ours: Summary | None, printed: float | None) -> str | Cell:
    if ours is None:
        return MISSING
    return "" if printed is None else signed(ours.mean - printed)


def signed(value: float) -> str:
    """Zero, and what is rounded to it, has no sign."""
    rounded = round(value, 2)
    return f"{rounded:+.2f}".replace("-", MINUS) if rounded else "0.00"


def against_kd(table: PaperTable) -> Table | None:
    """The paper's method against KD of the same column and objective, where both have two seeds or more."""
    rows: list[CellRow | Heading] = []
    for pair in table.pairs:
        kd: PaperCell | None = None
        for cell in table.column(pair):
            if cell.baseline:
                kd = cell
            elif kd is not None and cell.own:
                test = welch([run.top1 for run in cell.runs], [run.top1 for run in kd.runs])
                if test is not None:
                    rows.append(test_row(f"{pair_title(pair)}: {cell.row} {MINUS} {kd.row}", test, cell, kd))
    if not rows:
        return None
    return Table(
        f"{families.of_sampler(paper.published()['own'])} against {families.conventional()} in Table {table.number}, "
        "Welch's t-test.",
        ["comparison", "difference", "95 % interval", "p", "runs"],
        rows,
        f"{table.name}-welch",
        notes=[UNCORRECTED],
    )


def test_row(what: str, test: Welch, own: PaperCell, kd: PaperCell) -> CellRow:
    runs = f"{len(own.runs)} and {len(kd.runs)}"
    return [what, signed(test.difference), spread_of(test), p_of(test), runs]


def p_of(test: Welch) -> str:
    return f"{test.p:.3f}" if test.p >= 0.001 else "< 0.001"


def spread_of(test: Welch) -> str:
    low, high = test.interval
    return f"{signed(low)} to {signed(high)}"


def group_table(group: Group) -> Table:
    """Every arm of a pair, whether or not the paper has it."""
    top = max(arm.top1.mean for arm in group.arms)
    comparable = len(group.arms) > 1 and same_length(group)
    return Table(
        f"{group.title}: every arm.",
        [
            "method",
            Column("last", "top-1 %", "mean ± standard deviation over seeds (their number)"),
            Column("best", "top-1 %"),
            "top-5 %",
            "teacher %",
            Column("% of KD", "compute", "of KD over as many epochs; a backward pass priced like a forward pass"),
            Column("GFLOPs", "compute"),
            Column("time", hint="of training, median over seeds"),
        ],
        [arm_row(arm, group, strong=comparable and arm.top1.mean == top) for arm in group.arms],
        slug(f"arms {group.dataset} {group.pair}"),
        notes=[*schedule_notes(group.arms), *notes_on_arms(group.arms)],
    )


def schedule_notes(arms: Sequence[Arm]) -> list[str]:
    """The schedule of KD that shares of its compute are percentages of; whose it is, where they differ."""
    labels: dict[str, list[str]] = {}
    for arm in arms:
        labels.setdefault(schedule_of(arm), []).append(arm.label)
    if len(labels) == 1:
        return [f"Compute is a percentage of {next(iter(labels))}."]
    return [f"{', '.join(those)}: compute is a percentage of {schedule}." for schedule, those in labels.items()]


def arm_row(arm: Arm, group: Group, strong: bool) -> Entry:
    share, teacher = share_of_kd(arm, group), arm.runs[0].result["teacher"]
    cells: CellRow = [
        Cell(arm.label, hint=arm.details if arm.details != arm.label else "", look=arm.look),
        Cell(str(arm.top1), strong=strong),
        f"{arm.best.mean:.2f}",
        f"{arm.top5.mean:.2f}",
        number(teacher and teacher["top1"]),
        number(share),
        f"{arm.gflops:,.0f}",
        duration(arm.seconds),
    ]
    return Entry(cells, group.about(arm))


def skipped_notice(skipped: Sequence[Skipped]) -> Notice:
    count = f"{len(skipped)} folder{'s' if len(skipped) > 1 else ''}"
    return Notice(f"{count} skipped", [f"{one.path}: {one.why}" for one in skipped])


def flaws_notice(flawed: Sequence[tuple[Run, str]]) -> Notice:
    return Notice("Drawn from records that are not whole", [f"{run.path}: {flaw}" for run, flaw in flawed])


def teacher_table(runs: Sequence[Run]) -> Table:
    rows = [
        Entry([
            run.result["student"], run.result["dataset"], f"{run.top1:.2f}", f"{run.result['best']['top1']:.2f}",
            f"{run.result['last']['top5']:.2f}", str(run.planned_epochs), f"{run.gflops:,.0f}",
            duration(run.result["time"]["train_seconds"]),
        ], {RUNS: run.page})
        for run in runs
    ]  # fmt: skip
    head = ["teacher", "dataset", "top-1 %", "best %", "top-5 %", "epochs", "GFLOPs", "time"]
    return Table("Teachers that were trained here.", head, rows, "teachers-table", texts=2, notes=notes_on(runs))
