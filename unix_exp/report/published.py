"""Which cell of the paper's tables a run belongs to: by its settings, whatever its method is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unix_exp import config, paper
from unix_exp.report.arms import arms
from unix_exp.report.runs import Run
from unix_exp.report.setting import Setting, Terms, deviations
from unix_exp.report.stats import Summary
from unix_exp.words import counted


@dataclass
class PaperCell:
    """One cell of a table: the paper's figures, and our runs."""

    row: str
    pair: str
    accuracy: float | None  # the paper's
    compute: float | None
    top5: float | None = None
    runs: list[Run] = field(default_factory=list)
    baseline: bool = False  # KD of its column and objective
    own: bool = False  # of the method that the paper proposes

    @property
    def ours(self) -> Summary | None:
        return Summary.of([run.top1 for run in self.runs])


@dataclass
class PaperTable:
    """One of the paper's tables beside ours, in one setting of ours."""

    name: str
    printed: Mapping[str, Any]
    setting: Setting | None  # None: no run of ours belongs to it
    cells: list[PaperCell]
    alone: dict[str, list[Run]] = field(default_factory=dict)  # by pair, runs of its student with labels alone
    deviations: dict[str, list[str]] = field(default_factory=dict)  # by pair, where a column departs from the paper
    notes: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        return int(self.name.removeprefix("table"))

    @property
    def pairs(self) -> list[str]:
        return list(self.printed["pairs"])

    def column(self, pair: str) -> list[PaperCell]:
        return [cell for cell in self.cells if cell.pair == pair]

    def differences(self) -> list[str]:
        return self.setting.differences(self.printed) if self.setting else []

    def comparable(self, pair: str) -> bool:
        return not self.differences() and not self.deviations.get(pair)


def tables(runs: Sequence[Run]) -> list[PaperTable]:
    """All of the paper's tables, each once for every setting that runs of ours belong to, and once where none do."""
    published = paper.published()
    found = []
    for name, printed in published["tables"].items():
        members = [(run, key) for run in runs if (key := row_and_pair(run, printed, published)) is not None]
        settings = dict.fromkeys(Setting.of(run) for run, _ in members)
        closest_first = sorted(settings, key=lambda one: (len(one.differences(printed)), str(one)))
        for setting in closest_first or (None,):
            table = empty(name, printed, setting)
            cells = {(cell.row, cell.pair): cell for cell in table.cells}
            for run, key in members:
                if Setting.of(run) == setting:
                    cells[key].runs.append(run)
            for pair in table.pairs:
                keep_comparable(table, pair, runs)
            found.append(table)
    return found


def empty(name: str, printed: Mapping[str, Any], setting: Setting | None) -> PaperTable:
    cells = [
        PaperCell(
            row=row["name"],
            pair=pair,
            accuracy=row["accuracy"][column],
            compute=row["compute"][column] if "compute" in row else None,
            top5=row["top5"][column] if "top5" in row else None,
            baseline=paper.is_baseline(row),
            own=row["sampler"] == paper.published()["own"],
        )
        for row in printed["rows"]
        for column, pair in enumerate(printed["pairs"])
    ]
    return PaperTable(name, printed, setting, cells)


def keep_comparable(table: PaperTable, pair: str, runs: Sequence[Run]) -> None:
    """Keep, in one column, the runs of the teacher and learning rate that most of them share."""
    cells = table.column(pair)
    mine = [run for cell in cells for run in cell.runs]
    if not mine:
        return
    how_often: dict[Terms, int] = {}
    for run in mine:
        how_often[Terms.of(run)] = how_often.get(Terms.of(run), 0) + 1
    chosen = min(how_often, key=lambda terms: (-how_often[terms], terms.teacher, terms.lr))
    for cell in cells:
        kept = [run for run in cell.runs if Terms.of(run) == chosen]
        candidates = sorted(arms(kept), key=lambda arm: (-len(arm.runs), arm.label))
        cell.runs = list(candidates[0].runs) if candidates else []
    left_out = len(mine) - sum(len(cell.runs) for cell in cells)
    if left_out:
        said = counted(left_out, "run"), "is" if left_out == 1 else "are"
        table.notes.append("{}: {} with another teacher or other settings {} left out.".format(pair, *said))
    first = next(run for run in mine if Terms.of(run) == chosen)
    table.deviations[pair] = deviations(first, table.printed["dataset"])
    table.alone[pair] = students_alone(runs, table.setting, first)


def row_and_pair(run: Run, printed: Mapping[str, Any], published: Mapping[str, Any]) -> tuple[str, str] | None:
    """The row and the pair of a table that a run belongs to."""
    pair, dataset = run.result["pair"], run.result["dataset"]
    if pair not in printed["pairs"] or run.result["teacher"] is None:
        return None
    if dataset in published["recipes"] and dataset != printed["dataset"]:
        return None  # it belongs to another of the paper's tables; runs on other data sets may fill any
    column = printed["pairs"].index(pair)
    for row in printed["rows"]:
        if matches(run.settings, row, column, printed, published):
            return row["name"], pair
    return None


def matches(
    settings: Mapping[str, Any],
    row: Mapping[str, Any],
    column: int,
    printed: Mapping[str, Any],
    published: Mapping[str, Any],
) -> bool:
    """Whether a run's method is that of a row, for the pair of this column."""
    sampler, batch, unsaid = settings["sampler"], settings["recipe"]["batch"], published["unsaid"]
    if config.of_answers(settings) or (settings["distiller"]["name"], sampler["name"]) != (
        unsaid["distiller"],
        row["sampler"],
    ):
        return False
    expected = {key: row.get(key, value) for key, value in unsaid["samplers"][row["sampler"]].items()}
    if not paper.is_baseline(row):
        k = row["k"][column] if isinstance(row["k"], list) else row["k"]
        expected["k"] = int(k * batch / printed["batch"])
    if "b" in expected:
        expected["b"] = expected["b"] * batch
    if "alpha" in sampler:
        expected["alpha"] = published["alpha"].get(settings["dataset"]["name"], published["alpha"]["default"])
    criterion = published["criteria"][paper.criterion_of(row)]
    same: bool = config.without(sampler, "name") == expected and settings["criterion"] == criterion
    return same


def students_alone(runs: Iterable[Run], setting: Setting | None, taught: Run) -> list[Run]:
    """The same student in the same setting, learning from labels alone."""
    alone = paper.published()["alone"]
    return [
        run
        for run in runs
        if run.result["teacher"] is None
        and not run.made_a_teacher
        and run.result["student"] == taught.result["student"]
        and run.settings["recipe"]["lr"] == taught.settings["recipe"]["lr"]
        and all(run.settings[part]["name"] == alone[part] for part in ("distiller", "sampler"))
        and run.settings["criterion"] == alone["criterion"]
        and Setting.of(run) == setting
    ]


def comparable_with_paper(run: Run) -> bool:
    """Whether a run can be compared with the paper's figures at all."""
    dataset = run.result["dataset"]
    recipes = paper.published()["recipes"]
    if dataset not in recipes or run.result["teacher"] is None or config.of_answers(run.settings):
        return False
    return not Setting.of(run).differences({"dataset": dataset}) and not deviations(run, dataset)
