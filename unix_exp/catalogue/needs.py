"""What a method needs and costs, found by trying it on the meta device: nothing here knows any method's name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from unix_exp import config
from unix_exp.catalogue.marks import Marks
from unix_exp.config import Settings
from unix_exp.cost.ledger import Beforehand, Ledger
from unix_exp.cost.network import without_weights
from unix_exp.cost.on_meta import AtOnce
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Distiller, Kind
from unix_exp.engine import stages as sequence
from unix_exp.engine.absent import EMBEDDING, FEATURES, LOGITS, AbsentRead
from unix_exp.models.extended import Extended
from unix_exp.recipe import Recipe
from unix_exp.run import components
from unix_exp.run.answers.choice import Choice
from unix_exp.run.assemble import Shapes, assemble, facts_of
from unix_exp.run.charged import of_sampler_alone
from unix_exp.run.extending import check_planned, extended
from unix_exp.run.networks import STUDENT, chosen_for, declared_roles
from unix_exp.run.trial import check_storable, stage_by_stage
from unix_exp.types import Batch, Dataset, Losses, Mistake, Output
from unix_exp.words import as_line, first_line

LABELS, LAYERS = "labels", "layers"
PARTS = (LOGITS, EMBEDDING, FEATURES, LAYERS)  # of a network beside the student
STORED = Choice(stored=True, views=1, features=True)


@dataclass(frozen=True)
class Needs:
    """What a method reads and keeps, and what its whole run costs."""

    labels: bool
    parts: Mapping[str, tuple[str, ...]]  # by network beside the student, what its loss depends on
    networks: Mapping[str, str]  # beside the student, by role: frozen or trained
    memory: float  # bytes for each training image
    weights: int  # trained beside the networks: heads, adapters, temperatures
    scouts: float  # looks of the student at images without gradient, per image
    stages: Mapping[str, int]  # epochs
    ledger: Ledger = field(repr=False, compare=False)
    larger: bool = False  # whether the student that is used afterwards has a part of the method's
    stored: str | None = None  # why it can't work on stored answers; None: it can


class Ground:
    """What methods are tried on: a data set, and networks without values, of which each method gets copies."""

    def __init__(self, settings: Settings) -> None:
        self.data: Dataset = components.dataset(settings["dataset"])
        self.classes = len(self.data.classes)
        self._skeletons: dict[str, nn.Module] = {}
        self._tried: dict[str, Needs | str] = {}

    def networks(self, settings: Settings) -> dict[str, nn.Module]:
        found = {}
        for role in (STUDENT, *declared_roles(settings)):
            chosen = chosen_for(settings, role)
            key = json.dumps([role, chosen], sort_keys=True, default=str)
            if key not in self._skeletons:
                self._skeletons[key] = components.skeleton(chosen, role, self.classes)
            found[role] = without_weights(self._skeletons[key])
        return extended(settings, found, self.data.size)

    def tried(self, settings: Settings) -> Needs | str:
        """What was found out, or in a line why the method cannot work here; each method once."""
        parts = ("student", "teacher", "networks", "distiller", "sampler", "criterion", "recipe", "answers")
        key = json.dumps([settings.get(part) for part in parts], sort_keys=True, default=str)
        if key not in self._tried:
            try:
                self._tried[key] = self._try(settings)
            except Exception as error:  # of code of one's own too
                named = "" if isinstance(error, Mistake) else f"{type(error).__name__}: "
                self._tried[key] = as_line(f"{named}{first_line(error)}")
        return self._tried[key]

    def _try(self, settings: Settings) -> Needs:
        recipe, answers = components.recipe(settings["recipe"]), Choice.of(settings.get("answers") or {})
        with AtOnce(), Marks() as marks:
            method, shapes = self._assembled(settings, recipe)
            read = watched(method, marks)
            ledger = stage_by_stage(method, shapes, self.data, recipe, Choice(), ()).ledger
            read |= marks.of(own(method))  # what it remembers, and goes by in another step or when an epoch begins
        check_planned(settings, settings.get("teacher") if "teacher" in method.roles else None, (), self.data)
        stored = self._why_not_stored(settings, recipe)
        if answers.stored and stored is None:
            ledger = self._on_stored(settings, recipe, answers)
        ledger = replace(ledger, beforehand=self._beforehand(ledger, settings))
        others: dict[str, Kind] = {
            role: "frozen" if role in method.frozen else "trained" for role in method.roles if role != STUDENT
        }
        images = ledger.first.images
        return Needs(
            labels=LABELS in read,
            parts={role: tuple(part for part in PARTS if f"{role} {part}" in read) for role in others},
            networks=others,
            memory=sum(bytes_by_image(one, self.data.train_count) for one in own(method)) / self.data.train_count,
            weights=sum(one.numel() for one in own(method) if isinstance(one, nn.Parameter) and one.requires_grad),
            scouts=images.scouted / images.given,
            stages={name: stage.epochs for name, stage in ledger.stages.items()},
            ledger=ledger,
            larger=isinstance(method.student, Extended),
            stored=stored,
        )

    def _beforehand(self, ledger: Ledger, settings: Settings) -> Beforehand | None:
        """What is charged to the run as run/charged.py charges it, here as it is planned."""
        spent, head = [], ledger.first.teacher
        assistant = settings.get("teacher") or {}
        if assistant.get("teacher"):
            student = config.without(assistant, *config.OF_WEIGHTS)
            made = self._made({**settings, STUDENT: student, "teacher": assistant["teacher"], "answers": {}})
            head = made.first.teacher if made.beforehand is None else made.beforehand.teacher
            spent.append(made)
        spent += [self._made(on_labels(settings, chosen_for(settings, role))) for role in of_sampler_alone(settings)]
        if not spent:
            return None
        once, twice = (sum(one.total(one.planned(), one.epochs, price) for one in spent) for price in (1, 2))
        return Beforehand(once, twice, head)

    def _made(self, settings: Settings) -> Ledger:
        made = self.tried(settings)
        if isinstance(made, str):
            raise Mistake(made)
        return made.ledger

    def _assembled(self, settings: Settings, recipe: Recipe) -> tuple[Distiller, Shapes]:
        networks = self.networks(settings)
        shapes = Shapes(networks, recipe.batch, self.data.size)
        facts = facts_of(self.data, recipe.batch, recipe.epochs, shapes, Clock().to("meta"))
        return assemble(settings, networks, facts, still_norms=recipe.freeze_batch_norm), shapes

    def _why_not_stored(self, settings: Settings, recipe: Recipe) -> str | None:
        try:
            self._on_stored(settings, recipe, STORED)
        except (Mistake, AbsentRead) as why:
            return str(why)
        return None

    def _on_stored(self, settings: Settings, recipe: Recipe, answers: Choice) -> Ledger:
        parts = (LOGITS, EMBEDDING, FEATURES) if answers.features else (LOGITS, EMBEDDING)
        with AtOnce():
            method, shapes = self._assembled(settings, recipe)
            check_storable(answers, parts, method, shapes, self.data, sequence.length(method.stages(recipe)))
            return stage_by_stage(method, shapes, self.data, recipe, answers, parts).ledger


def on_labels(settings: Settings, chosen: Settings) -> Settings:
    """The run that makes a network which is taught by none."""
    own = {part: settings[f"teacher_{part}"] for part in ("recipe", "distiller", "criterion", "sampler")}
    if "sampler" in chosen:
        own["sampler"] = chosen["sampler"]
    alone: Settings = {"teacher": {}, "networks": {}, "answers": {}}
    return {**settings, **alone, **own, STUDENT: config.without(chosen, *config.OF_WEIGHTS)}


def watched(method: Distiller, marks: Marks) -> set[str]:
    """Mark the labels and what every other network says; the set fills with what the losses depend on."""
    read: set[str] = set()
    beside = {role: method.get_submodule(role) for role in method.roles if role != STUDENT}
    for role, network in beside.items():
        for weight in network.parameters():
            marks.put(weight, f"{role} {LAYERS}")  # seen where a method calls a part of the network, its classifier say

    def passes(network: nn.Module, images: Tensor) -> Output:
        output: Output = network(images)
        for role, other in beside.items():
            if network is other:
                of_images = marks.of(images)
                parts = {FEATURES: output.features[:-1], EMBEDDING: output.embedding, LOGITS: output.logits}
                for part, tensors in parts.items():
                    for tensor in tensors if isinstance(tensors, tuple) else (tensors,):
                        marks.put(tensor, *of_images, f"{role} {part}")
        return output

    def before(_: nn.Module, given: tuple[Any, ...]) -> None:
        batch: Batch = given[0]
        marks.put(batch.targets, LABELS)

    def after(_: nn.Module, given: tuple[Any, ...], losses: Losses) -> None:
        read.update(marks.of(dict(losses.terms)))

    method.passes = passes
    method.register_forward_pre_hook(before)
    method.register_forward_hook(after)
    return read


def own(method: Distiller) -> list[Tensor]:
    """What a method keeps beside its networks."""
    inside = {id(one) for role in method.roles for one in tensors_of(method.get_submodule(role))}
    return [one for one in tensors_of(method) if id(one) not in inside]


def tensors_of(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


def bytes_by_image(tensor: Tensor, images: int) -> int:
    """Of what has a row for every training image."""
    return tensor.numel() * tensor.element_size() if images in tensor.shape else 0
