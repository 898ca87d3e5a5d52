"""A method tried before anything is loaded or trained: this finds what cannot work, and counts its cost."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import unix_exp
from unix_exp.config import Settings
from unix_exp.cost.ledger import Ledger, StagePlan, Storing
from unix_exp.cost.network import without_weights
from unix_exp.cost.on_meta import AtOnce
from unix_exp.cost.pricing import step_cost
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Distiller
from unix_exp.engine import stages as sequence
from unix_exp.engine.absent import FEATURES, LOGITS, Absent, AbsentRead
from unix_exp.engine.world import World
from unix_exp.recipe import Recipe
from unix_exp.run import hidden_state
from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.parts import bytes_of, check_top, decode, encode
from unix_exp.run.asked import as_asked
from unix_exp.run.assemble import Shapes, assemble, facts_of, refuse_late
from unix_exp.run.extending import extended
from unix_exp.run.networks import STUDENT, chosen_for
from unix_exp.types import Batch, Dataset, Losses, Mistake, Output, Stage
from unix_exp.words import first_line, size_in_words


class Trial(NamedTuple):
    """What a trial found."""

    ledger: Ledger
    shapes: Shapes
    per_image: tuple[str, ...]  # names of the values that the method gives for each image
    parts: tuple[str, ...] = ()  # of the teacher's answer that the method reads, where answers are stored
    features: bool = True  # whether feature maps are read; found out only where several processes would exchange them


def tried(
    settings: Settings, networks: Mapping[str, nn.Module], data: Dataset, recipe: Recipe, answers: Choice | None = None
) -> Trial:
    """Try a method; with stored answers, first with the teacher's logits alone, then with all that it reads."""
    answers = answers or Choice.of(settings.get("answers") or {})
    parts: tuple[str, ...] = (LOGITS,) if answers.stored else ()
    while True:
        try:
            with AtOnce():
                return tried_with(settings, networks, data, recipe, answers, parts)
        except AbsentRead as missing:
            parts = (*parts, missing.part)


def tried_with(
    settings: Settings,
    networks: Mapping[str, nn.Module],
    data: Dataset,
    recipe: Recipe,
    answers: Choice,
    parts: tuple[str, ...],
) -> Trial:
    """Two steps of every stage on PyTorch's meta device, where tensors have shapes and no values."""
    try:
        bare = {role: without_weights(network) for role, network in networks.items()}
        for role in bare.keys() - {STUDENT} if STUDENT in settings else ():  # else it was put together by hand
            bare[role] = as_asked(bare[role], chosen_for(settings, role), data.size, role)
        shadows = extended(settings, bare, data.size)
        shapes = Shapes(shadows, recipe.batch, data.size)
        clock = Clock().to("meta")
        facts = facts_of(data, recipe.batch, recipe.epochs, shapes, clock)
        try:
            method = assemble(settings, shadows, facts, still_norms=recipe.freeze_batch_norm)
        except Mistake as error:
            if (stage := (settings.get("teacher") or {}).get("exit")) is None:
                raise
            raise Mistake(f"{error} (teacher.exit={stage}: it shows no later stage)") from None
        if answers.stored:
            check_storable(answers, parts, method, shapes, data, sequence.length(method.stages(recipe)))
        return stage_by_stage(method, shapes, data, recipe, answers, parts)
    except (Mistake, AbsentRead):
        raise
    except Exception as error:
        if reads_a_value(error):
            raise Mistake(
                f"{outside_line(error)} reads a tensor's value during a step, which would make it wait for the device; "
                "no .item(), float(), nonzero, boolean mask or `if` on a tensor: choose by sorting, or by torch.where"
            ) from error
        if "is not on the expected device" in str(error):
            raise Mistake(
                f"{outside_line(error)} uses a tensor that is not on the batch's device; make it with "
                "device=batch.images.device, or in the constructor with self.register_buffer(...)"
            ) from error
        foreign = [
            settings[role].get("arch") for role in ("student", "teacher") if (settings.get(role) or {}).get("arch")
        ]
        if not foreign:
            raise
        raise Mistake(f"{' and '.join(foreign)} cannot work on {data.size} px images: {first_line(error)}") from error


def reads_a_value(error: Exception) -> bool:
    return any(word in str(error) for word in ("cannot be called on meta tensors", "torch.nonzero()", "no data"))


def outside_line(error: Exception) -> str:
    """The last line of code outside the package and PyTorch that an error came from."""
    package = Path(unix_exp.__file__).parent
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    frame = next((one for one in reversed(frames) if not Path(one.filename).is_relative_to(package)), frames[-1])
    return f"{Path(frame.filename).name}, line {frame.lineno}"


def check_storable(
    answers: Choice, parts: tuple[str, ...], method: Distiller, shapes: Shapes, data: Dataset, epochs: int
) -> None:
    """Refuse what no store can answer, and feature maps that were not asked for: they are large."""
    if "teacher" not in method.frozen:
        what = "trains its teacher" if "teacher" in method.roles else "has no teacher"
        raise Mistake(f"answers are stored, but this method {what}; leave answers out")
    if type(method).ask is not Distiller.ask:
        raise Mistake("answers are stored of one teacher, and this method asks in a way of its own; leave answers out")
    if not hasattr(data, "view_batches"):
        raise Mistake("answers are stored, but this data set shows no fixed views; give it view_batches(batch, view)")
    check_top(answers, len(data.classes))
    if FEATURES in parts and not answers.features:
        views = answers.used(data, epochs)
        size = bytes_of(shapes["teacher"], parts, answers) * data.train_count * views
        raise Mistake(
            f"this method reads the teacher's feature maps, which take {size_in_words(size)} for {views} views; "
            "answers.features=true stores them, answers=live asks the teacher each time"
        )


def stage_by_stage(
    method: Distiller, shapes: Shapes, data: Dataset, recipe: Recipe, answers: Choice, parts: tuple[str, ...]
) -> Trial:
    stages = method.stages(recipe)
    sequence.check(stages)
    batch = Batch(
        images=torch.empty(recipe.batch, 3, data.size, data.size, device="meta"),
        targets=torch.empty(recipe.batch, len(data.classes), device="meta"),
        index=torch.empty(recipe.batch, dtype=torch.int64, device="meta"),
        answers=decode(encode(shapes["teacher"], parts, answers), len(data.classes)) if answers.stored else None,
    )
    weights = [name for name, _ in method.named_parameters()]
    before, generators = hidden_state.marks(method), hidden_state.host_generators()
    made = method.sampler(batch, method.look)
    if not isinstance(made, Batch):
        raise Mistake(f"the sampler returned {type(made).__name__}; a sampler returns the Batch to train on")
    plans: dict[str, StagePlan] = {}
    per_image: dict[str, None] = {}
    unpriced: dict[str, None] = {}
    for stage in stages:
        try:
            cost, losses, unknown = step_cost(method, batch, stage.name, data.size)
        except Exception:
            check_weights(weights, method)  # a layer that was made in this step is on another device than the batch
            raise
        check_losses(losses)
        if answers.stored and cost.images.taught:
            raise Mistake(
                "answers are stored, but the teacher is still asked: the sampler makes a batch without its answers; "
                "let it use take() and mix(), or choose answers=live"
            )
        method.stepped()
        method(batch, stage.name)  # a second step, which reads what the first one left behind
        plans[stage.name] = StagePlan(stage.recipe.epochs, cost)
        per_image |= dict.fromkeys(losses.per_image)
        unpriced |= dict.fromkeys(unknown)
    check_weights(weights, method)  # first: what comes with a late module would be found as hidden state
    hidden_state.check(before, hidden_state.marks(method))
    hidden_state.check_generators(generators, hidden_state.host_generators())
    storing = None
    if answers.stored:
        look = data.train_count * next(iter(plans.values())).step.teacher
        storing = Storing(answers.count(data), look, at_once=not isinstance(answers.views, int))
    shown, at_most = shown_of(method.sampler, sequence.length(stages), recipe.batch)
    ledger = Ledger(plans, recipe.epochs, data.train_count // recipe.batch, tuple(unpriced), storing, shown, at_most)
    features = World.here().size == 1 or reads_features(method, batch, stages)
    return Trial(ledger, shapes, tuple(per_image), parts, features)


def shown_of(sampler: Any, epochs: int, batch: int) -> tuple[tuple[int, ...] | None, bool]:
    """The steps of every epoch, as far as a sampler that chooses an epoch's images knows; else, that it doesn't."""
    if not hasattr(sampler, "begin"):
        return None, False
    if not hasattr(sampler, "planned"):
        return None, True
    return tuple(sampler.planned(epoch) // batch for epoch in range(epochs)), False


def reads_features(method: Distiller, batch: Batch, stages: Sequence[Stage]) -> bool:
    """Whether anything reads the feature maps of a network that the method has run."""

    def without(network: nn.Module, images: Tensor) -> Output:
        output: Output = network(images)
        return output._replace(features=Absent(FEATURES))  # type: ignore[arg-type]

    whole, method.passes = method.passes, without
    try:
        for stage in stages:
            method(batch, stage.name)
    except AbsentRead:
        return True
    finally:
        method.passes = whole
    return False


def check_losses(losses: Losses) -> None:
    if not isinstance(losses, Losses) or not losses.terms:
        raise Mistake(f"a method returns Losses with at least one term; this one returned {type(losses).__name__}")
    if not any(term.requires_grad for term in losses.terms.values()):
        raise Mistake(
            f"no term of the loss has a gradient ({', '.join(losses.terms)}), so nothing would be trained; "
            "use the student's output of self.study(batch), without detach() and no_grad()"
        )
    for kind, some in (("term", losses.terms), ("value", losses.values)):
        for name, value in some.items():
            if value.dim():
                raise Mistake(f"{kind} '{name}' is {list(value.shape)}; terms and values are scalars")
    for name, value in losses.per_image.items():
        if value.shape != losses.index.shape:
            raise Mistake(f"'{name}' has {list(value.shape)} values for {len(losses.index)} images; give one per image")


def check_weights(before: list[str], method: Distiller) -> None:
    refuse_late([name for name, _ in method.named_parameters() if name not in before])
