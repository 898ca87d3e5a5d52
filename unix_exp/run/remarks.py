"""What is worth saying of a run as it begins: settings that change nothing, a schedule for other weights, its cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from unix_exp import config
from unix_exp.config import Settings, optimiser
from unix_exp.cost.ledger import Ledger
from unix_exp.run.foreign import yaml_of
from unix_exp.run.networks import STUDENT, Network, setting_of
from unix_exp.run.plan import Located
from unix_exp.run.sources import AUTO, Fresh
from unix_exp.words import counted


def of_run(located: Located) -> Iterator[str]:
    """What was made for it was remarked on before that began."""
    recipe, student = located.settings["recipe"], located.networks[0]
    for key in sorted(optimiser.idle(recipe)):
        if recipe[key] != alone(optimiser.all_options()[key].default):
            named = optimiser.of_recipe(recipe)
            yield f"recipe.{key} changes nothing: it is another optimiser's setting, and recipe.optimiser is {named}"
    published = isinstance(student.source, Fresh) and student.settings.get("pretrained")
    if located.settings["method"] != "teacher" and published:
        yield from advice(student, "recipe", recipe, "recipe")
    frozen: dict[str | None, str] = {}
    for network in located.networks:
        if (
            network.kind == "frozen"
            and (other := frozen.setdefault(network.source.identity, network.role)) != network.role
        ):
            yield f"{other} and {network.role} are the same network: +{setting_of(network.role)}.seed=N makes another"
    if located.recipe.freeze_batch_norm and isinstance(student.source, Fresh) and not published:
        yield (
            "recipe.freeze_batch_norm keeps the statistics of fresh weights, which are of no images; it is meant for "
            f"{STUDENT}.pretrained=true and {STUDENT}.checkpoint=PATH"
        )


EXTRAS = {  # what plain distillation has not, by its part of the ledger
    "cost/scout_gflops": "looks of the student before training",
    "cost/other_gflops": "heads, losses and further networks",
    "cost/beforehand_gflops": "networks trained or fitted beforehand",
    "cost/answers_gflops": "stored answers",
}


def of_cost(ledger: Ledger) -> Iterator[str]:
    """That a method is dearer than plain distillation, by at least half a per cent, and which parts of it are extra."""
    share = ledger.planned_percent()
    if share is None or round(share) <= 100:
        return
    parts = ledger.parts(ledger.planned(), ledger.epochs)
    per_cent = {said: share * parts.get(part, 0.0) / parts["cost/total_gflops"] for part, said in EXTRAS.items()}
    extra = [f"{said} {spent:.0f} %" for said, spent in per_cent.items() if round(spent) > 0]
    yield (
        f"this method's counted compute is {'up to ' * ledger.at_most}{share:.0f} % of conventional KD, which would be "
        "cheaper" + (f"; of it {', '.join(extra)}" if extra else "")
    )


def alone(default: Any) -> Any:
    """A default as a configuration has it."""
    return list(default) if isinstance(default, tuple) else default


def of_making(network: Network, settings: Settings) -> Iterator[str]:
    """Of the recipe of a network that is made for this run, from published weights or a file's."""
    if network.settings.get("pretrained") or network.settings.get("checkpoint", AUTO) != AUTO:
        yield from advice(network, "teacher_recipe", settings["teacher_recipe"], "recipe@teacher_recipe")


def advice(network: Network, group: str, recipe: Settings, choice: str) -> Iterator[str]:
    """A recipe says itself whether it is meant for trained weights, and those that are can be chosen."""
    if recipe.get("fine_tuning") or not (meant := recipes_for_trained_weights()):
        return
    choices = " or ".join(f"{choice}={name}" for name in meant)
    yield (
        f"{network.role} {network.name} begins from trained weights, and {group} is a schedule for fresh ones "
        f"({counted(recipe['epochs'], 'epoch')}, learning rate {recipe['lr']:g}); for fine-tuning there is {choices}"
    )


def recipes_for_trained_weights() -> list[str]:
    found = []
    for path in sorted((config.choices_folder() / "recipe").glob("*.yaml")):
        with suppress(OSError, ValueError):
            if (yaml_of(path) or {}).get("fine_tuning") is True:
                found.append(path.stem)
    return found
