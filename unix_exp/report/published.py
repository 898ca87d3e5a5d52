"""Which cell of the paper's tables a run belongs to: by what it did, whatever it was called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unix_exp import config, paper
from unix_exp.config import Settings
from unix_exp.report.arms import arms
from unix_exp.report.runs import Run
from unix_exp.report.stats import Summary


@dataclass
class Cell:
    """One figure of a table: the paper's, and the runs that are ours."""

    row: str
    pair: str
    accuracy: float | None  # the paper's
    compute: float | None
    top5: float | None = None
    runs: list[Run] = field(default_factory=list)
    baseline: bool = False  # KD of its column and objective

    @property
    def ours(self) -> Summary | None:
        return Summary.of([run.top1 for run in self.runs])


@dataclass
class Table:
    """One of the paper's tables beside ours, in one setting of ours."""

    name: str
    number: int
    printed: Mapping[str, Any]
    setting: Setting | None  # None: no run of ours belongs to it
    cells: list[Cell]
    notes: list[str] = field(default_factory=list)

    @property
    def pairs(self) -> Sequence[str]:
        return self.printed["pairs"]

    def column(self, pair: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.pair == pair]


@dataclass(frozen=True, order=True)
class Setting:
    """What a table keeps fixed, so that its runs compare; with the paper's too where this is the paper's."""

    dataset: str
    epochs: int
    batch: int
    rest: str  # all else of the data and the recipe, which runs of one table must share

    @classmethod
    def of(cls, run: Run) -> Setting:
        recipe = config.without(run.settings["recipe"], "epochs", "batch", "lr", "evaluate_every")
        data = config.without(run.settings["dataset"], *config.PLACES, "name")
        precision = config.precisions(run.settings.get("runtime") or {})
        return cls(
            config.dataset_name(run.settings), run.settings["recipe"]["epochs"], run.settings["recipe"]["batch"],
            config.identity({"recipe": recipe, "data": data, "precision": precision}),
        )  # fmt: skip

    def differences(self, printed: Mapping[str, Any]) -> list[str]:
        """From the paper's, in words."""
        return [
            f"{name} {ours} instead of {printed[name]}"
            for name, ours in (("dataset", self.dataset), ("epochs", self.epochs), ("batch", self.batch))
            if ours != printed[name]
        ]


def tables(runs: Sequence[Run]) -> list[Table]:
    """All of the paper's tables, each once for every setting that runs of ours belong to, and once where none do."""
    published = paper.published()
    found = []
    for name, printed in published["tables"].items():
        members = [(run, place) for run in runs for place in [place_of(run, printed, published)] if place is not None]
        there = {Setting.of(run) for run, _ in members}
        closest_first = sorted(there, key=lambda one: (len(one.differences(printed)), one))
        for setting in closest_first or (None,):
            table = empty(name, printed, setting)
            places = {(cell.row, cell.pair): cell for cell in table.cells}
            for run, place in members:
                if Setting.of(run) == setting:
                    places[place].runs.append(run)
            for cell in table.cells:
                table.notes += keep_one_arm(cell)
            found.append(table)
    return found


def empty(name: str, printed: Mapping[str, Any], setting: Setting | None) -> Table:
    cells = [
        Cell(
            row=row["name"],
            pair=pair,
            accuracy=row["accuracy"][column],
            compute=row["compute"][column] if "compute" in row else None,
            top5=row["top5"][column] if "top5" in row else None,
            baseline=row["sampler"] == "everything",
        )
        for row in printed["rows"]
        for column, pair in enumerate(printed["pairs"])
    ]
    return Table(name, int(name.removeprefix("table")), printed, setting, cells)


def keep_one_arm(cell: Cell) -> list[str]:
    """A mean is over seeds alone: of several learning rates or teachers the one with the most runs stays."""
    candidates = sorted(arms(cell.runs), key=lambda arm: (-len(arm.runs), arm.label))
    cell.runs = list(candidates[0].runs) if candidates else []
    return [
        f"{cell.row}, {cell.pair}: {len(arm.runs)} of other settings left out ({arm.label})" for arm in candidates[1:]
    ]


def place_of(run: Run, printed: Mapping[str, Any], published: Mapping[str, Any]) -> tuple[str, str] | None:
    """The row and the pair of a table that a run is one of."""
    pair, dataset = run.result["pair"], config.dataset_name(run.settings)
    if pair not in printed["pairs"] or run.result["teacher"] is None:
        return None
    if dataset in published["alpha"] and dataset != printed["dataset"]:
        return None  # it belongs to another of the paper's tables; a rehearsal on other images may fill any
    column = printed["pairs"].index(pair)
    for row in printed["rows"]:
        if same(run.settings, row, column, printed, published):
            return row["name"], pair
    return None


def same(
    settings: Settings, row: Mapping[str, Any], column: int, printed: Mapping[str, Any], published: Mapping[str, Any]
) -> bool:
    sampler, batch = settings["sampler"], settings["recipe"]["batch"]
    if settings["distiller"]["name"] != "offline" or sampler["name"] != row["sampler"]:
        return False
    expected = {key: row.get(key, value) for key, value in published["unsaid"][row["sampler"]].items()}
    if row["sampler"] != "everything":
        k = row["k"][column] if isinstance(row["k"], list) else row["k"]
        expected["k"] = int(k * batch / printed["batch"])
    if "b" in expected:
        expected["b"] = expected["b"] * batch
    if "alpha" in sampler:
        # Another data set than the paper's has the default of CIFAR.
        expected["alpha"] = published["alpha"].get(settings["dataset"]["name"], published["alpha"]["cifar100"])
    criterion = published["criteria"][row.get("criterion", "kd")]
    return config.without(sampler, "name") == expected and settings["criterion"] == criterion


def students_alone(runs: Sequence[Run], setting: Setting | None) -> dict[str, list[Run]]:
    """Runs of the table's setting that learned from labels alone, by student."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.result["teacher"] is None and run.result["method"] != "teacher" and Setting.of(run) == setting:
            found.setdefault(run.result["student"], []).append(run)
    return found
