"""The networks of a run with their weights, on their device, the frozen ones made cheaper."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from torch import Tensor, nn

from unix_exp import config
from unix_exp.engine.evaluate import evaluate
from unix_exp.engine.folding import frozen
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.whole_numbers import some_training_images
from unix_exp.models.early import EarlyExit
from unix_exp.models.own_input import Normalised, see_as_trained
from unix_exp.run.asked import as_asked
from unix_exp.run.description import Description, described
from unix_exp.run.exits import fit_or_recall
from unix_exp.run.extending import asking, check_larger, extended
from unix_exp.run.networks import STUDENT, TEACHER, Network
from unix_exp.run.plan import Located, Plan
from unix_exp.run.remembered import key_on, place, recalled, remember
from unix_exp.run.sources import Average, file_of
from unix_exp.sinks.console import Console
from unix_exp.types import Dataset, Mistake

ACCURACY = ".accuracy"  # a folder in the store of teachers
LOST = 0.2  # points of accuracy that a cheaper teacher may lose without a message


class Measured(NamedTuple):
    """A teacher on the test set."""

    top1: float
    top5: float
    centres: Tensor | None  # [C, D], the mean embedding of each class; read only where a run is analysed


class Ready(NamedTuple):
    """Networks that a method can be assembled from."""

    networks: dict[str, nn.Module]
    hashes: dict[str, str]  # by role, of the files that were read
    seen: dict[str, Normalised | None]  # by role, how a network sees the images; None where nobody knows
    licences: dict[str, str]  # of weights that were read or published, where they are known
    measured: Measured | None  # the teacher in float32, on the images as they are
    reached: Mapping[str, Measured] = {}  # by role, networks that were trained beside the student, when all is over
    asked: Measured | None = None  # the teacher as the method asks it, made cheaper

    @property
    def centres(self) -> Tensor | None:
        """Of the embeddings that the method is shown: those of the teacher as it is asked."""
        asked = self.asked or self.measured
        return asked.centres if asked is not None else None


def make_ready(plan: Plan, console: Console) -> Ready:
    """Read every network's weights, measure the teacher, and make frozen networks cheaper."""
    located = plan.located
    runtime = located.runtime
    networks: dict[str, nn.Module] = {}
    hashes: dict[str, str] = {}
    seen: dict[str, Normalised | None] = {}
    licences: dict[str, str] = {}
    measured = asked = None
    for network in located.networks:
        module = plan.modules[network.role]
        if network.note is not None:
            console.say(network.note)
        read = network.source.fill(module, network.name, console.say)
        if read is not None:
            hashes[network.role] = read
        own = described(file) if (file := file_of(network.source)) is not None else None
        check_classes(network, own, located.data, console)
        seen[network.role] = seen_by(network, module, own, located.data, seen)
        licences |= own.licences if own is not None else published_licence(network, module)
        if isinstance(network.source, Average):
            module.load_state_dict(plan.modules[STUDENT].state_dict())  # it begins as the student does
        networks[network.role] = module = runtime.settled(module)
        if network.kind == "frozen" and not isinstance(network.source, Average):
            if network.role == TEACHER:
                measured = measured_teacher(module, network, located, console, read)
            asked_as = as_asked(module, network.settings, located.data.size, network.role)
            if isinstance(asked_as, EarlyExit):
                fit_or_recall(asked_as, network, located, console, read)
            networks[network.role] = frozen(
                asked_as, runtime.precision_of_teacher, located.data.size, console.say,
                partial(some_training_images, located.data),
            )  # fmt: skip
            if network.role == TEACHER and measured is not None:
                asked = compare(networks[network.role], measured, network, located, console, read)
    networks[STUDENT] = larger(plan, networks[STUDENT])
    return Ready(networks, hashes, seen, licences, measured, asked=asked)


def larger(plan: Plan, student: nn.Module) -> nn.Module:
    """The student with what its criteria add to it, made on the CPU of the weights that were read."""
    located = plan.located
    if asking(located.settings) is None:
        return student
    whole = {role: copy.deepcopy(plan.modules[role]).to("cpu") for role in (STUDENT, TEACHER)}
    check_larger(located.settings, whole, (), located.data.size)
    return located.runtime.settled(extended(located.settings, whole, located.data.size)[STUDENT])


def seen_by(
    network: Network, module: nn.Module, own: Description | None, data: Dataset, seen: Mapping[str, Normalised | None]
) -> Normalised | None:
    """Let a network see images as its weights want them."""
    if not hasattr(data, "preprocessing"):
        return None
    given = Normalised(data.preprocessing().mean, data.preprocessing().std)
    wanted = seen[STUDENT] if isinstance(network.source, Average) else own.normalised if own is not None else None
    return see_as_trained(module, given, wanted)


def check_classes(network: Network, own: Description | None, data: Dataset, console: Console) -> None:
    """A file that says which classes it knows has to know those of the data, in their order."""
    if own is None or network.kind == "trained" or own.classes == tuple(data.classes):
        return
    if sorted(own.classes) == sorted(data.classes):
        raise Mistake(f"the {network.role}'s classes are the data's in another order; give one that was trained on it")
    differing = ((theirs, ours) for theirs, ours in zip(own.classes, data.classes, strict=False) if theirs != ours)
    for theirs, ours in list(differing)[:1]:
        console.say(f"note: what the {network.role} calls {theirs!r} is {ours!r} in this data")


def published_licence(network: Network, module: nn.Module) -> dict[str, str]:
    licence = getattr(module, "licence", None)
    return {network.name: str(licence)} if licence else {}


def measured_teacher(
    module: nn.Module, network: Network, located: Located, console: Console, weights: str | None
) -> Measured:
    """The teacher's accuracy in float32, so that every run records the same figure."""
    plain = replace(located.runtime, precision="float32")
    return measure(module, network, located, plain, console, weights)


def measured_at_the_end(ready: Ready, method: nn.Module, located: Located, console: Console) -> Ready:
    """What the training changed: a teacher that is the student's average, and networks that learned beside it."""
    reached: dict[str, Measured] = {}
    for network in located.networks:
        averaged = network.role == TEACHER and isinstance(network.source, Average)
        if averaged or (network.kind == "trained" and network.role != STUDENT):
            module = method.get_submodule(network.role)
            found = evaluate(module, located.data, located.recipe.batch, located.runtime, console.watch)
            reached[network.role] = Measured(found.top1, found.top5, found.centres)
            if averaged:
                ready = ready._replace(measured=reached.pop(network.role))
    for role, one in reached.items():
        console.say(f"{role}: {one.top1:.2f} % on the test images after the last epoch")
    return ready._replace(reached=reached)


def compare(
    cheap: nn.Module, plain: Measured, network: Network, located: Located, console: Console, weights: str | None
) -> Measured:
    """Measure the teacher as it is asked, and say what that costs it where it is more than LOST."""
    precision, less = located.runtime.precision_of_teacher, config.asked_for_less(network.settings)
    how = f"frozen {precision}" + "".join(f" {name} {config.alike(value)}" for name, value in less.items())
    used = measure(cheap, network, located, located.runtime, console, weights, how)
    if plain.top1 - used.top1 > LOST:
        said = [f"frozen in {precision}"]
        said += [f"asked after stage {less['exit']}"] if "exit" in less else []
        said += [f"shown images of {100 * less['shrink']:g} % of their side"] if "shrink" in less else []
        remedies = ["runtime.teacher_precision=float32"] if precision != "float32" else []
        remedies += [f"a {'later' if name == 'exit' else 'larger'} teacher.{name}" for name in less]
        remedy = f"; {' or '.join(remedies)} may keep more" if remedies else ""
        reached = f"reaches {used.top1:.2f} % and not {plain.top1:.2f} %"
        console.say(f"the teacher, {' and '.join(said)}, {reached}{remedy}")
    return used


def measure(
    module: nn.Module,
    network: Network,
    located: Located,
    runtime: Runtime,
    console: Console,
    weights: str | None,
    arithmetic: str = "float32",
) -> Measured:
    """Measured once for the same weights, images and arithmetic, then remembered."""
    key = key_on(network, located, precision=arithmetic)
    record = place(located, ACCURACY, key)
    if (found := recalled(record, key, weights, tensors=runtime.analysis)) is not None:
        try:
            return Measured(found.values["top1"], found.values["top5"], found.tensors.get("centres"))
        except KeyError:
            pass  # it is of an earlier version
    fresh = evaluate(module, located.data, located.settings["recipe"]["batch"], runtime, console.watch)
    remember(record, key, weights, {"top1": fresh.top1, "top5": fresh.top5}, {"centres": fresh.centres})
    return Measured(fresh.top1, fresh.top5, fresh.centres)
