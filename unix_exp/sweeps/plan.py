"""What of a sweep is done, failed or missing, and what the rest will cost."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from unix_exp.config import Settings
from unix_exp.config.compose import composed, expanded
from unix_exp.cost.ledger import Ledger
from unix_exp.run import components
from unix_exp.run.extending import check_planned
from unix_exp.run.folder import RunFolder, epoch_of
from unix_exp.run.foreign import json_of, text_of
from unix_exp.run.held import held
from unix_exp.run.plan import Located, averages, locate
from unix_exp.run.sources import FromStore
from unix_exp.run.trial import tried
from unix_exp.sweeps.grid import Sweep, jobs
from unix_exp.types import Dataset, Mistake

WARM = 50  # steps; most of a shorter run is starting up, so it shows no speed
DONE, RUNNING, FAILED, BEGUN, MISSING, IMPOSSIBLE = "done", "running", "failed", "begun", "missing", "impossible"


class Kind(NamedTuple):
    """What a speed depends on: the batch, and the GFLOPs of one image in each network."""

    batch: int
    student: float
    teacher: float

    @classmethod
    def of(cls, batch: int, student: float, teacher: float) -> Kind:
        return cls(batch, round(student, 6), round(teacher, 6))  # sums of floats depend on their order


class Job(NamedTuple):
    """A run of a sweep, or a teacher that its runs need first."""

    words: str
    state: str
    why: str = ""  # why it failed or cannot be done
    gflops: float = 0.0  # of the whole run, the backward pass priced at two forward passes
    left: float = 1.0  # share of it still to do
    kind: Kind | None = None


def plan(sweep: Sweep, words: tuple[str, ...]) -> list[Job]:
    """Teachers first, as they are trained first; a run that two jobs share is listed once."""
    teachers: dict[str, Job] = {}
    runs: dict[str, Job] = {}
    same, *others = map(set, expanded([f"sweep={sweep.name}", *words]))
    in_all = same.intersection(*others)
    dataset = listed_once()
    for job in jobs(sweep, words):
        text = " ".join(word for word in job if word not in in_all) or sweep.name
        try:
            located = locate(composed(job), dataset)
            runs.setdefault(located.identity, look(text, located))
            teachers |= teachers_of(located, dataset, teachers)
        except Mistake as mistake:
            runs[text] = Job(text, IMPOSSIBLE, str(mistake))
    return [*teachers.values(), *runs.values()]


def teachers_of(located: Located, dataset: Callable[[Settings], Dataset], known: dict[str, Job]) -> dict[str, Job]:
    """The runs that make a run's networks, after those that make theirs."""
    found: dict[str, Job] = {}
    for network in located.networks:
        if isinstance(source := network.source, FromStore) and source.identity not in known:
            making = locate(source.recipe, dataset)
            found |= teachers_of(making, dataset, known | found)
            found[source.identity] = look(f"{network.role} {network.name}", making)
    return found


def listed_once() -> Callable[[Settings], Dataset]:
    """Data sets by their settings; to list the files of a large one takes minutes."""
    known: dict[str, Dataset] = {}

    def dataset(settings: Settings) -> Dataset:
        key = json.dumps(settings, sort_keys=True, default=str)
        if key not in known:
            known[key] = components.dataset(settings)
        return known[key]

    return dataset


def look(words: str, located: Located) -> Job:
    state, why = state_of(located.folder)
    ledger = ledger_of(located)
    left = 0.0 if state == DONE else 1 - epochs_of(located.folder) / ledger.epochs
    kind = Kind.of(located.recipe.batch, ledger.first.student, ledger.first.teacher)
    return Job(words, state, why, ledger.total(ledger.planned(), ledger.epochs, backward_price=2), left, kind)


def state_of(folder: RunFolder) -> tuple[str, str]:
    if folder.result() is not None:
        return DONE, ""
    if not folder.path.is_dir():
        return MISSING, ""
    if held(folder.path):
        return RUNNING, ""
    if (failure := folder.failure()) is not None:
        return FAILED, failure
    return (BEGUN, "") if epochs_of(folder) else (MISSING, "")


def epochs_of(folder: RunFolder) -> int:
    try:
        lines = text_of(folder.metrics).splitlines()
    except OSError:
        return 0
    return epoch_of(lines[-1]) if lines else 0


LEDGERS: dict[str, Ledger] = {}


def ledger_of(located: Located) -> Ledger:
    """As a run counts it before it starts, counted once for jobs that differ in nothing that costs."""
    settings = located.settings
    parts = {key: settings[key] for key in ("student", "distiller", "sampler", "criterion", "recipe", "dataset")}
    networks = [(network.role, network.settings) for network in located.networks]
    key = json.dumps([parts, networks], sort_keys=True, default=str)
    if key not in LEDGERS:
        classes = len(located.data.classes)
        skeletons = {
            network.role: components.skeleton(network.settings, network.role, classes) for network in located.networks
        }
        ledger = tried(settings, skeletons, located.data, located.recipe).ledger
        teacher = None if located.teacher is None else located.teacher.settings
        check_planned(settings, teacher, averages(located.networks), located.data)
        LEDGERS[key] = ledger
    return LEDGERS[key]


class Speed(NamedTuple):
    """How fast finished runs here were, backward passes priced at two forward passes."""

    by_kind: dict[Kind, float]  # GFLOPs a second
    overall: float
    runs: int
    hardware: list[str]

    def seconds(self, job: Job) -> float:
        return job.left * job.gflops / (self.by_kind.get(job.kind, self.overall) if job.kind else self.overall)


def measured(jobs: Iterable[Job], *folders: Path) -> Speed | None:
    """The speed of finished runs with a batch of these jobs; None where there are none."""
    batches = {job.kind.batch for job in jobs if job.kind is not None}
    found: dict[Kind, list[float]] = {}
    hardware = set()
    for result in finished(*folders):
        try:
            kind = Kind.of(result["settings"]["recipe"]["batch"], **result["cost"]["gflops_per_image"])
            if result["steps"] < WARM or kind.batch not in batches:
                continue
            rate = result["cost"]["gflops"]["total_gflops_backward_2"] / result["time"]["train_seconds"]
            hardware.add(result["hardware"])
        except (KeyError, TypeError, ZeroDivisionError):
            continue
        found.setdefault(kind, []).append(rate)
    if not found:
        return None
    rates = [rate for of_kind in found.values() for rate in of_kind]
    by_kind = {kind: statistics.median(of_kind) for kind, of_kind in found.items()}
    return Speed(by_kind, statistics.median(rates), len(rates), sorted(hardware))


def finished(*folders: Path) -> Iterator[dict[str, Any]]:
    for path in (path for folder in folders for path in sorted(folder.glob("*/result.json"))):
        try:
            result = json_of(path)
        except (OSError, ValueError):
            continue
        if isinstance(result, dict):
            yield result
