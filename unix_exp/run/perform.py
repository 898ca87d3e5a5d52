"""One run from its configuration to its result: find its networks, continue or begin, train, record."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from unix_exp import config, stopping
from unix_exp.engine.loop import Training, train
from unix_exp.engine.validation import judged_on, tested
from unix_exp.engine.world import World, join
from unix_exp.run import provenance, remarks
from unix_exp.run.answers.ready import recorded, views_of
from unix_exp.run.charged import charged
from unix_exp.run.checkpoint import content_hash, save_state, save_tensors, save_weights
from unix_exp.run.continuing import kept_state, load_state, state_of
from unix_exp.run.folder import RunFolder
from unix_exp.run.history import History
from unix_exp.run.images import check_same, examined, recorded_of
from unix_exp.run.leaving import left_by
from unix_exp.run.looking import Looking
from unix_exp.run.mishaps import in_words
from unix_exp.run.networks import Network, setting_of
from unix_exp.run.pictures import save_extremes
from unix_exp.run.plan import Located, Plan, averages, check, locate
from unix_exp.run.ready import Ready, make_ready, measured_at_the_end
from unix_exp.run.result import accuracies, description_of, result_of, summary
from unix_exp.run.seal import checked
from unix_exp.run.sources import FromStore
from unix_exp.run.training import training_of
from unix_exp.sinks import several
from unix_exp.sinks.console import Console
from unix_exp.sinks.jsonl import Jsonl
from unix_exp.sinks.sink import RunInfo
from unix_exp.types import Mistake, Record, View
from unix_exp.words import counted

ALONE = World()


class Outcome(NamedTuple):
    """A run's folder and its result."""

    folder: Path
    result: dict[str, Any]


def perform(whole: DictConfig, wait: bool = False) -> Outcome:
    """Start a run, continue it, or report it if it is finished; `wait` for another process that has it."""
    epochs = performing(whole, wait)
    while True:
        try:
            next(epochs)
        except StopIteration as ended:
            outcome: Outcome = ended.value
            return outcome


def performing(whole: DictConfig, wait: bool = False, command: str | None = None) -> Generator[Record, None, Outcome]:
    """The same, checked at once and then done as the records are asked for: every epoch's, once it is written.

    The outcome is the generator's value. `command` is the line that repeats this run, where it was not typed in a
    shell.
    """
    located = World.here().in_turn(lambda: locate(whole))
    console = Console(located.recipe.epochs, judged_on(located.data))
    world = join(located.runtime.place())
    if world.chosen(lambda: is_finished(located)):
        return nothing_left(finished(located.folder, console))
    located.runtime.settle()
    plan = world.in_turn(lambda: check(located))  # its mistake is printed once
    world.in_turn(lambda: examined(located.data, console))
    return alone(plan, console, wait, command, world)


def nothing_left(outcome: Outcome | None) -> Generator[Record, None, Outcome]:
    yield from ()
    return nothing_but(outcome)


def alone(
    plan: Plan, console: Console, wait: bool, command: str | None, world: World
) -> Generator[Record, None, Outcome]:
    """Do the run while no other process may work in its folder; what ended it is noted there."""
    folder = plan.located.folder
    waiting = (lambda: console.say(f"waiting for the process at work in {folder.path}")) if wait else None
    with ExitStack() as held:
        world.chosen(lambda: held.enter_context(folder.alone(wait=waiting)))  # the first process, for all of its run
        if world.chosen(lambda: folder.result() is not None):  # it was made while we waited
            return (yield from nothing_left(finished(folder, console)))
        try:
            with stopping.kept():
                return (yield from carry_out(plan, console, command, world))
        except Exception as error:
            mishap = in_words(error, folder.path)
            refused = isinstance(error, Mistake) or mishap is not None
            if world.leads and (folder.begun or not refused):  # what was refused before is said, and leaves no folder
                folder.fail(f"{mishap or error}\n" if mishap or isinstance(error, Mistake) else traceback.format_exc())
            if mishap is not None and not isinstance(error, Mistake):
                raise mishap from None
            raise


def is_finished(located: Located) -> bool:
    result = located.folder.result()
    if result is not None:
        check_same(result, located.data, located.folder.path)
    return result is not None


def finished(folder: RunFolder, console: Console) -> Outcome | None:
    if (result := folder.result()) is None:
        return None
    console.say(f"{folder.path} is finished: {summary(result)}")
    return Outcome(folder.path, result)


def carry_out(plan: Plan, console: Console, command: str | None, world: World) -> Generator[Record, None, Outcome]:
    located = plan.located
    settings, folder = located.settings, located.folder
    train_missing(located, console.say, world)
    plan = charged(plan)
    if world.leads:
        folder.write_config(settings, command or provenance.command())
    world.in_turn(lambda: located.data.load(located.runtime.place(), console.watch))
    ready = world.in_turn(lambda: make_ready(plan, console))
    views = world.in_turn(lambda: views_of(plan, ready, console))
    runtime = {"memory_format": located.runtime.memory_format, "device": located.runtime.place()}
    history = History(folder, located.runtime.analysis, runtime)
    run = begin_or_continue(plan, ready, console.say, views, history, world)
    console.epochs = run.epochs
    introduce(plan, ready, run, console.say)
    folder.begun = True
    if not world.leads:
        with stopping.deferred(located.runtime.grace_seconds):
            yield from train(run)  # the first process keeps the records
            Looking(run)
        world.meet()
        return nothing_but(finished(folder, console))

    with ExitStack() as stack:
        sinks: list[Callable[[Record], None]] = [Jsonl(folder.metrics), console]
        if run.analysis is not None:
            sinks.append(Jsonl(folder.analysis, "arrays"))
        chosen = stack.enter_context(several.opened(settings["logger"], about(located, console.say)))
        sinks.append(chosen)
        stack.enter_context(stopping.deferred(located.runtime.grace_seconds))
        fixed = {"identity": located.identity, **recorded_of(located.data)}
        run.save = lambda run: save_state(folder.checkpoint, state_of(run) | fixed | {"history": history.state()})
        saved_at = run.progress.seconds
        for record in train(run, console.watch):
            folder.still_alone()
            history(record)
            for each in sinks:
                each(record)
            due = located.runtime.checkpoint_is_due(record.epoch, run.progress.seconds - saved_at)
            if due or record.epoch == run.epochs:
                run.keep()
                saved_at = run.progress.seconds
            yield record
        looking = Looking(run)
        evaluation = tested(run, console.watch)
        reached = accuracies(run, evaluation)
        folder.still_alone()
        history.write()  # a file that was removed or changed meanwhile
        description = description_of(located, ready, reached["last"])
        save_weights(folder.weights, run.method.student, description.metadata())
        folder.write_description(description.values())
        hashes = history.hashes()
        if run.analysis is not None:
            looking.write(folder, evaluation)
            hashes[folder.looks.name] = content_hash(folder.looks)
        if run.analysis is not None and (values := run.analysis.tally.values()):
            save_tensors(folder.images, values)
            hashes[folder.images.name] = content_hash(folder.images)
            save_extremes(folder.pictures, values, located.data)
        ready = measured_at_the_end(ready, run.method, located, console)
        weights = content_hash(folder.weights)
        result = result_of(plan, ready, run, reached, weights, command, recorded(views))
        result = checked(result | {"stretches": history.stretches, "files": hashes})
        chosen.summarise(result)
        chosen.finished(partial(left_by, folder, located.data, result))
    folder.finish(result)
    console.say(f"{summary(result)}; {folder.path}")
    world.meet()
    return Outcome(folder.path, result)


def nothing_but(outcome: Outcome | None) -> Outcome:
    assert outcome is not None, "the first process finished it"
    return outcome


def train_missing(located: Located, say: Callable[[str], None], world: World = ALONE) -> None:
    """Train networks that aren't in the store yet, each in a run of its own, or wait for a process that does."""
    for network in located.networks:
        if not isinstance(network.source, FromStore):
            continue
        source, role = network.source, network.role
        if not world.chosen(source.ready):
            store = located.settings["teachers"]
            say(f"{role} {network.name} is not in {store}/: training it first, {how(network, located)}")
            for remark in remarks.of_making(network, located.settings):
                say(remark)
            perform(source.recipe, wait=True)
        if not world.chosen(source.ready):
            raise Mistake(f"{source.folder.weights} is gone; delete {source.folder.path} to train this {role} again")
    world.chosen(lambda: check_trained_on(located))


def how(network: Network, located: Located) -> str:
    """How long a missing network is trained, and by whom."""
    if teacher := network.settings.get("teacher"):
        epochs, name = located.settings["recipe"]["epochs"], config.network_name(teacher)
        return f"taught by {name}, {counted(epochs, 'epoch')} in float32 (recipe.epochs)"
    epochs, own = located.settings["teacher_recipe"]["epochs"], setting_of(network.role)
    return f"{counted(epochs, 'epoch')} in float32 (teacher_recipe.epochs; {own}.checkpoint=PATH uses yours)"


def check_trained_on(located: Located) -> None:
    """The networks of the store have seen the images that this run sees."""
    for network in located.networks:
        if isinstance(network.source, FromStore):
            folder = network.source.folder
            check_same(folder.result(), located.data, folder.path)


def begin_or_continue(
    plan: Plan,
    ready: Ready,
    say: Callable[[str], None],
    views: Callable[[int], View | None],
    history: History,
    world: World,
) -> Training:
    located = plan.located
    run = training_of(
        located.settings, ready.networks, located.data, located.recipe, located.runtime, plan.trial,
        averages(located.networks), ready.centres, say, views,
    )  # fmt: skip
    state = world.in_turn(lambda: kept_state(located.folder, history, say))
    if state is not None:
        world.chosen(lambda: check_same(state, located.data, located.folder.path))
        load_state(run, state, located.folder)
    return run


def introduce(plan: Plan, ready: Ready, run: Training, say: Callable[[str], None]) -> None:
    located, ledger = plan.located, plan.trial.ledger
    settings, student = located.settings, located.networks[0].name
    teacher = located.teacher
    reached = f" ({ready.measured.top1:.2f} %)" if ready.measured is not None else ""
    pair = f"{teacher.name}{reached} -> {student}" if teacher is not None else student
    say(
        f"{pair} on {config.dataset_name(settings)}: {config.method_name(settings)}, seed {settings['seed']}, "
        f"{counted(run.epochs, 'epoch')}, {located.runtime.place()} {located.runtime.precision}"
    )
    images = ledger.first.images
    seen = (
        f"of {images.given} images a step: {images.scouted} scouted, {images.taught} shown to the teacher, "
        f"{images.learned} trained on"
    )
    share = ledger.planned_percent()
    most = "at most " * ledger.at_most
    say(seen + (f"; {most}{share:.2f} % of conventional KD" if share is not None else ""))
    if ledger.unpriced:
        say(f"not in this cost, because these operations have no price: {', '.join(ledger.unpriced)}")
    for remark in (*remarks.of_cost(ledger), *located.runtime.remarks(), *remarks.of_run(located)):
        say(remark)
    if run.part is not None:
        say(f"continuing in epoch {run.progress.epoch + 1} after {run.part.steps} of its steps")
    elif 0 < run.progress.epoch < run.epochs:
        say(f"continuing after epoch {run.progress.epoch}")


def about(located: Located, say: Callable[[str], None]) -> RunInfo:
    settings = located.settings
    pair, method = config.pair_name(settings), config.method_name(settings)
    return RunInfo(
        folder=located.folder.path,
        identity=located.identity,
        name=located.folder.path.name,
        group=f"{pair}-{method}",
        tags=(pair, method, config.dataset_name(settings)),
        config={**settings, "pair": pair, "method": method, "identity": located.identity},
        is_teacher=settings["method"] == "teacher",
        say=say,
    )
