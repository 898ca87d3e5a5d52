"""Which cell of the paper's tables a run belongs to: by what it did, whatever it was called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unix_exp import config, paper
from unix_exp.config import Settings
from unix_exp.report.arms import arms
from unix_exp.report.runs import Run
from unix_exp.report.stats import Summary

Details = Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """What all runs of a table share, so that they compare: the images, the schedule, the arithmetic."""

    dataset: str
    details: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, run: Run) -> Setting:
        settings = run.settings
        data = config.without(settings["dataset"], *config.PLACES, "name")
        details = {
            **schedule(settings["recipe"]),
            **data,
            "fingerprint": run.result.get("fingerprint"),
            **config.precisions(settings),
        }
        return cls(config.dataset_name(settings), tuple((key, plain(value)) for key, value in details.items()))

    @property
    def title(self) -> str:
        told = dict(self.details)
        return f"{self.dataset}, {told['epochs']} epochs, batch {told['batch']}"

    def differences(self, printed: Mapping[str, Any]) -> list[str]:
        """From the setting of a table of the paper, in words."""
        theirs = {
            **config.without(paper.published()["recipes"][printed["dataset"]], "lr"),
            "precision": "float32", "augment": True, "flip": True,
        }  # fmt: skip
        ours = dict(self.details)
        told = [f"dataset {self.dataset} instead of {printed['dataset']}"] if self.dataset != printed["dataset"] else []
        told += [
            f"{name} {words(ours.get(name))} instead of {words(value)}"
            for name, value in theirs.items()
            if ours.get(name, plain(value)) != plain(value)
        ]
        others = {"teacher_precision": "the teacher", "scout_precision": "scouting"}
        return told + [f"{who} in {ours[name]}" for name, who in others.items() if name in ours]

    def apart_from(self, other: Setting) -> list[str]:
        """Where two settings of ours differ, in words."""
        theirs = dict(other.details)
        return [
            f"{name} {words(value)}"
            for name, value in self.details
            if theirs.get(name) != value and name != "fingerprint"
        ]


@dataclass(frozen=True)
class Terms:
    """What the runs of one column share beside the table's setting: their teacher and their learning rate."""

    teacher: str
    lr: float

    @classmethod
    def of(cls, run: Run) -> Terms:
        return cls(run.result["teacher"]["identity"], run.settings["recipe"]["lr"])


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
    printed: Mapping[str, Any]
    setting: Setting | None  # None: no run of ours belongs to it
    cells: list[Cell]
    alone: dict[str, list[Run]] = field(default_factory=dict)  # by pair, runs of its student that had labels alone
    deviations: dict[str, list[str]] = field(default_factory=dict)  # by pair, what keeps a column from the paper's
    notes: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        return int(self.name.removeprefix("table"))

    @property
    def pairs(self) -> Sequence[str]:
        return self.printed["pairs"]

    def column(self, pair: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.pair == pair]

    def differences(self) -> list[str]:
        return self.setting.differences(self.printed) if self.setting else []

    def comparable(self, pair: str) -> bool:
        return not self.differences() and not self.deviations.get(pair)


def tables(runs: Sequence[Run]) -> list[Table]:
    """All of the paper's tables, each once for every setting that runs of ours belong to, and once where none do."""
    published = paper.published()
    found = []
    for name, printed in published["tables"].items():
        members = [(run, place) for run in runs if (place := place_of(run, printed, published)) is not None]
        there = dict.fromkeys(Setting.of(run) for run, _ in members)
        closest_first = sorted(there, key=lambda one: (len(one.differences(printed)), str(one)))
        for setting in closest_first or (None,):
            table = empty(name, printed, setting)
            places = {(cell.row, cell.pair): cell for cell in table.cells}
            for run, place in members:
                if Setting.of(run) == setting:
                    places[place].runs.append(run)
            for pair in table.pairs:
                settle_column(table, pair, runs)
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
    return Table(name, printed, setting, cells)


def settle_column(table: Table, pair: str, runs: Sequence[Run]) -> None:
    """Cells of a column compare only with one teacher and one learning rate: those of the most runs stay."""
    cells = table.column(pair)
    mine = [run for cell in cells for run in cell.runs]
    if not mine:
        return
    counted: dict[Terms, int] = {}
    for run in mine:
        counted[Terms.of(run)] = counted.get(Terms.of(run), 0) + 1
    chosen = min(counted, key=lambda terms: (-counted[terms], terms.teacher, terms.lr))
    for cell in cells:
        kept = [run for run in cell.runs if Terms.of(run) == chosen]
        candidates = sorted(arms(kept), key=lambda arm: (-len(arm.runs), arm.label))
        cell.runs = list(candidates[0].runs) if candidates else []
    left_out = len(mine) - sum(len(cell.runs) for cell in cells)
    if left_out:
        table.notes.append(f"{pair}: {left_out} runs with another teacher or other settings are left out.")
    first = next(run for run in mine if Terms.of(run) == chosen)
    table.deviations[pair] = deviations(first, table.printed["dataset"])
    table.alone[pair] = students_alone(runs, table.setting, first)


def deviations(run: Run, dataset: str) -> list[str]:
    """What of the terms of a column isn't the paper's: the student's learning rate, how a teacher was made here."""
    theirs = paper.published()["recipes"][dataset]
    told = []
    lr, usual = run.settings["recipe"]["lr"], theirs["lr"].get(run.settings["student"].get("pace", "full"))
    if lr != usual:
        told.append(f"lr {words(lr)} instead of {words(usual)}")
    made = run.settings.get("teacher_recipe")
    if run.result["teacher"].get("source") == "FromStore" and isinstance(made, dict):
        ours, usual = schedule(made), config.without(theirs, "lr")
        told += [
            f"its teacher's {name} {words(ours.get(name))} instead of {words(value)}"
            for name, value in usual.items()
            if plain(ours.get(name, value)) != plain(value)
        ]
    return told


def schedule(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe but for its learning rate, milestones in epochs."""
    told = config.without(recipe, "lr", "evaluate_every")
    epochs = told["epochs"]
    if isinstance(told.get("milestones"), list):
        told["milestones"] = [round(one * epochs) if one < 1 else one for one in told["milestones"]]
    if told.get("schedule") == "cosine":
        told.pop("milestones", None)  # which it doesn't read
        told.pop("gamma", None)
    return told


def plain(value: Any) -> Any:
    """Something that can be compared and hashed; 4 and 4.0 are one."""
    return str(config.alike(value)) if isinstance(value, (list, dict, float)) else value


def words(value: Any) -> str:
    return "nothing" if value is None else str(config.alike(value)).strip("[]")


def place_of(run: Run, printed: Mapping[str, Any], published: Mapping[str, Any]) -> tuple[str, str] | None:
    """The row and the pair of a table that a run is one of."""
    pair, dataset = run.result["pair"], config.dataset_name(run.settings)
    if pair not in printed["pairs"] or run.result["teacher"] is None:
        return None
    if dataset in published["recipes"] and dataset != printed["dataset"]:
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


def students_alone(runs: Iterable[Run], setting: Setting | None, taught: Run) -> list[Run]:
    """The same student in the same setting, learning from every image's label and nothing else."""
    return [
        run
        for run in runs
        if run.result["teacher"] is None
        and run.result["method"] != "teacher"
        and run.result["student"] == taught.result["student"]
        and run.settings["recipe"]["lr"] == taught.settings["recipe"]["lr"]
        and run.settings["sampler"]["name"] == "everything"
        and run.settings["criterion"] == {"ce": {"weight": 1.0}}
        and Setting.of(run) == setting
    ]


def comparable_with_paper(run: Run) -> bool:
    """Whether a run may stand beside the paper's figures at all."""
    dataset = config.dataset_name(run.settings)
    if dataset not in paper.published()["recipes"] or run.result["teacher"] is None:
        return False
    return not Setting.of(run).differences({"dataset": dataset}) and not deviations(run, dataset)
