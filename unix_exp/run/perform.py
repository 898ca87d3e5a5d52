"""One run from its configuration to its result: check, find the teacher, continue or begin, train, record."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from unix_exp import config
from unix_exp.config import Settings, plugins
from unix_exp.cost import StepCost, price
from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.cuda_graph import step_for
from unix_exp.engine.folding import frozen
from unix_exp.engine.loop import Progress, Run, train
from unix_exp.engine.recipe import Recipe, optimiser_state
from unix_exp.engine.runtime import Runtime
from unix_exp.run import assemble as build
from unix_exp.run import provenance
from unix_exp.run import sources as teachers
from unix_exp.run.checkpoint import read_state, save_state, save_weights
from unix_exp.run.folder import RunFolder
from unix_exp.sinks import sink
from unix_exp.sinks.console import Console
from unix_exp.sinks.jsonl import Jsonl
from unix_exp.types import Dataset, Mistake, Record
from unix_exp.words import first_line


class Outcome(NamedTuple):
    """Where a run lies and what came out."""

    folder: Path
    result: dict[str, Any]


class Place(NamedTuple):
    """Which run a configuration means, known without loading or training anything."""

    settings: Settings
    recipe: Recipe
    runtime: Runtime
    data: Dataset
    source: teachers.Source | None
    identity: str
    folder: RunFolder


class Plan(NamedTuple):
    """A run whose every setting has been checked, before anything is loaded or trained."""

    settings: Settings
    recipe: Recipe
    runtime: Runtime
    data: Dataset
    distiller: Distiller
    source: teachers.Source | None
    cost: StepCost
    identity: str
    folder: RunFolder


def perform(whole: DictConfig, wait: bool = False) -> Outcome:
    """Do a run, or continue it, or report it where it is done; `wait` for another process that is at it."""
    place = locate(whole)
    folder, console = place.folder, Console(place.recipe.epochs)
    if (outcome := finished(folder, console)) is not None:
        return outcome

    place.runtime.settle()
    plan = check(place)
    with folder.alone(
        wait=(lambda: console.say(f"waiting for the process at work in {folder.path}")) if wait else None
    ):
        if (outcome := finished(folder, console)) is not None:  # it was made while we waited
            return outcome
        try:
            return carry_out(plan, console)
        except Exception as error:
            folder.fail(f"{error}\n" if isinstance(error, Mistake) else traceback.format_exc())
            raise


def finished(folder: RunFolder, console: Console) -> Outcome | None:
    if (result := folder.result()) is None:
        return None
    console.say(f"{folder.path} is finished: {summary(result)}")
    return Outcome(folder.path, result)


def locate(whole: DictConfig) -> Place:
    settings = config.resolve(whole)
    plugins.load(settings["plugins"])  # a launcher's process has none yet
    recipe, runtime = build.recipe(settings["recipe"]), build.runtime(settings["runtime"])
    sink.check(settings["logger"])
    data = build.dataset(settings["dataset"])
    source = teacher_source(whole, settings, data)
    identity = config.identity(
        config.what_determines(settings, data.fingerprint(), source.identity if source is not None else None)
    )
    return Place(settings, recipe, runtime, data, source, identity, RunFolder.of(settings, identity))


def teacher_source(whole: DictConfig, settings: Settings, data: Dataset) -> teachers.Source | None:
    if not config.has_teacher(settings):
        return None
    check_batch(build.recipe(settings["teacher_recipe"], "teacher_recipe"), data, "teacher_recipe")
    return teachers.source(whole, settings, data.fingerprint())


def check_batch(recipe: Recipe, data: Dataset, role: str) -> None:
    if recipe.batch > data.train_count:
        raise Mistake(f"{role}.batch is {recipe.batch}, but the dataset has {data.train_count} training images")


def check(place: Place) -> Plan:
    """Build the networks and try one step of them without data: what can't work fails here."""
    settings, recipe, runtime, data, source, identity, folder = place
    check_batch(recipe, data, "recipe")
    classes, teacher = len(data.classes), None
    if source is not None:
        teacher = build.network(settings["teacher"], "teacher", classes, settings["teacher"].get("seed", 0))
        if not isinstance(source, teachers.FromStore) or source.there():
            source.fill(teacher, config.network_name(settings["teacher"]), classes)
    student = build.network(settings["student"], "student", classes, settings["seed"])
    distiller = build.distiller(settings, student, teacher)
    cost = tried(settings, distiller, recipe, data)
    return Plan(settings, recipe, runtime, data, distiller, source, cost, identity, folder)


def tried(settings: Settings, distiller: Distiller, recipe: Recipe, data: Dataset) -> StepCost:
    """The trial step; a foreign network that these images don't suit is the user's to change, not ours to trace."""
    try:
        return price(distiller, recipe.batch, len(data.classes), data.size)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        foreign = [settings[role].get("arch") for role in ("student", "teacher") if settings[role].get("arch")]
        if isinstance(error, Mistake) or not foreign:
            raise
        raise Mistake(f"{' and '.join(foreign)} cannot work on {data.size} px images: {first_line(error)}") from error


def carry_out(plan: Plan, console: Console) -> Outcome:
    settings, folder = plan.settings, plan.folder
    if isinstance(plan.source, teachers.FromStore):
        take_from_store(plan, plan.source, console.say)
    folder.write_config(settings)
    plan.data.load(plan.runtime.place(), console.watch)
    plan.runtime.settled(plan.distiller)
    measured = measured_teacher(plan, console)
    teacher = told_of_teacher(plan, measured)
    if measured is not None:
        freeze_teacher(plan, measured, console)
    run = begin_or_continue(plan, measured, console.say)
    folder.keep_records(run.progress.epoch)
    introduce(plan, teacher, run, console.say)

    with ExitStack() as stack:
        sinks: list[Callable[[Record], None]] = [Jsonl(folder.metrics), console]
        if run.analysis is not None:
            sinks.append(Jsonl(folder.analysis, "arrays"))
        chosen = stack.enter_context(sink.opened(settings["logger"], about(plan, console.say)))
        sinks.append(chosen)
        for record in train(run, console.watch):
            for each in sinks:
                each(record)
            if record.epoch % plan.runtime.checkpoint_every == 0 or record.epoch == plan.recipe.epochs:
                save_state(folder.checkpoint, state_of(run))
        result = result_of(plan, teacher, run.progress)
        save_weights(folder.weights, run.distiller.student)
        chosen.summarise(result)
    folder.finish(result)
    console.say(f"{summary(result)}; {folder.path}")
    return Outcome(folder.path, result)


def take_from_store(plan: Plan, source: teachers.FromStore, say: Callable[[str], None]) -> None:
    """Train a teacher that isn't there yet, in a run of its own; where another process is at it, wait."""
    assert plan.distiller.teacher is not None
    name, epochs = config.network_name(plan.settings["teacher"]), plan.settings["teacher_recipe"]["epochs"]
    if not source.there():
        say(
            f"teacher {name} is not in {plan.settings['teachers']}/: training it first, "
            f"{epochs} epochs in float32 (teacher_recipe.epochs; teacher.checkpoint=PATH uses yours)"
        )
        perform(source.recipe, wait=True)
    if not source.there():
        raise Mistake(f"{source.folder.weights} is gone; delete {source.folder.path} to train this teacher again")
    source.fill(plan.distiller.teacher, name, len(plan.data.classes))  # whoever trained it, and whenever


def measured_teacher(plan: Plan, console: Console) -> teachers.Measured | None:
    """The teacher is measured before anything is learned from it."""
    teacher = plan.distiller.teacher
    if plan.source is None or teacher is None:
        return None
    whole = replace(plan.runtime, precision="float32")  # its accuracy is the same figure in every run's result
    return teachers.measure(teacher, plan.source, plan.data, plan.settings, whole, console.watch)


LOST = 0.2  # points of accuracy that a cheaper teacher may cost in silence


def freeze_teacher(plan: Plan, plain: teachers.Measured, console: Console) -> None:
    """From here on the teacher only looks, so it is made cheap; what that costs in accuracy is measured and said."""
    assert plan.distiller.teacher is not None and plan.source is not None
    precision = plan.runtime.precision_of_teacher
    cheap = frozen(plan.distiller.teacher, precision, plan.data.size)
    plan.distiller.teacher = cheap
    used = teachers.measure(
        cheap, plan.source, plan.data, plan.settings, plan.runtime, console.watch, f"frozen {precision}"
    )
    if plain.top1 - used.top1 > LOST:
        remedy = "; runtime.teacher_precision=float32 may keep more" if precision != "float32" else ""
        console.say(f"the teacher, frozen in {precision}, reaches {used.top1:.2f} % and not {plain.top1:.2f} %{remedy}")


def told_of_teacher(plan: Plan, measured: teachers.Measured | None) -> dict[str, Any] | None:
    if plan.source is None or measured is None:
        return None
    return {
        "name": config.network_name(plan.settings["teacher"]),
        "identity": plan.source.identity,
        "source": type(plan.source).__name__,
        "top1": measured.top1,
        "top5": measured.top5,
    }


def begin_or_continue(plan: Plan, teacher: teachers.Measured | None, say: Callable[[str], None] = print) -> Run:
    distiller, analysis = plan.distiller, None
    if plan.runtime.analysis:
        analysis = Analysis(distiller, plan.data, plan.runtime, teacher.centres if teacher is not None else None)
    weights = [weight for weight in distiller.parameters() if weight.requires_grad]
    step = step_for(distiller, plan.recipe.optimiser(weights), plan.runtime, say)
    progress = Progress()
    if plan.folder.checkpoint.exists():
        try:
            state = read_state(plan.folder.checkpoint)
            distiller.student.load_state_dict(state["student"])
            distiller.criterion.load_state_dict(state["criterion"])
            step.optimiser.load_state_dict(state["optimiser"])
            progress = Progress(**state["progress"])
            if analysis is not None:
                analysis.load_state(state.get("analysis", {}))
        except (Mistake, KeyError, TypeError, RuntimeError, ValueError) as error:
            raise Mistake(f"{error}; delete {plan.folder.checkpoint} to begin this run again") from None
    seed = plan.settings["seed"]
    return Run(distiller, step, plan.data, plan.recipe, plan.runtime, plan.cost, seed, progress, analysis)


def state_of(run: Run) -> dict[str, Any]:
    """All that the next epoch depends on; chance needs no snapshot, being a function of seed and epoch."""
    return {
        "progress": run.progress.state(),
        "student": run.distiller.student.state_dict(),
        "criterion": run.distiller.criterion.state_dict(),
        "optimiser": optimiser_state(run.step.optimiser),
        "analysis": run.analysis.state() if run.analysis is not None else {},
    }


def introduce(plan: Plan, teacher: dict[str, Any] | None, run: Run, say: Callable[[str], None]) -> None:
    settings = plan.settings
    student = config.network_name(settings["student"])
    who = f"{teacher['name']} ({teacher['top1']:.2f} %) -> {student}" if teacher else student
    say(
        f"{who} on {config.dataset_name(settings)}: {config.method_name(settings)}, seed {settings['seed']}, "
        f"{plan.recipe.epochs} epochs, {plan.runtime.place()} {plan.runtime.precision}"
    )
    images = plan.cost.images
    seen = (
        f"of {images.given} images a step: scouted {images.scouted}, taught {images.taught}, learned {images.learned}"
    )
    share = plan.cost.percent_of_kd()
    say(seen + (f"; {share:.2f} % of conventional KD" if share is not None else ""))
    if 0 < run.progress.epoch < plan.recipe.epochs:
        say(f"continuing after epoch {run.progress.epoch}")


def about(plan: Plan, say: Callable[[str], None]) -> sink.RunInfo:
    settings = plan.settings
    pair, method = config.pair_name(settings), config.method_name(settings)
    return sink.RunInfo(
        folder=plan.folder.path,
        identity=plan.identity,
        name=plan.folder.path.name,
        group=f"{pair}-{method}",
        tags=(pair, method, config.dataset_name(settings)),
        config={**settings, "pair": pair, "method": method, "identity": plan.identity},
        is_teacher=settings["method"] == "teacher",
        say=say,
    )


def result_of(plan: Plan, teacher: dict[str, Any] | None, progress: Progress) -> dict[str, Any]:
    settings, cost = plan.settings, plan.cost
    return {
        "identity": plan.identity,
        "pair": config.pair_name(settings),
        "method": config.method_name(settings),
        "seed": settings["seed"],
        "dataset": config.dataset_name(settings),
        "fingerprint": plan.data.fingerprint(),
        "student": config.network_name(settings["student"]),
        "teacher": teacher,
        "last": progress.last,
        "best": progress.best,
        "cost": {
            "gflops": {name.removeprefix("cost/"): value for name, value in cost.parts(progress.steps).items()},
            "gflops_per_image": {"student": cost.student, "teacher": cost.teacher},
            "images_per_step": cost.images._asdict(),
            "percent_of_kd": cost.percent_of_kd(),
            "percent_of_kd_backward_2": cost.percent_of_kd(2),
        },
        "time": {"train_seconds": progress.seconds, "images_per_second": progress.images / progress.seconds},
        "steps": progress.steps,
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "command": provenance.command(),
        "hardware": plan.runtime.hardware(),
        "runtime": {**asdict(plan.runtime), "device": str(plan.runtime.place())},
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "settings": settings,
    }


def summary(result: dict[str, Any]) -> str:
    share = result["cost"]["percent_of_kd"]
    compute = f", {share:.2f} % of KD's compute" if share is not None else ""
    last, best = result["last"], result["best"]
    return f"test {last['top1']:.2f} % (best {best['top1']:.2f} % in epoch {best['epoch']}){compute}"
