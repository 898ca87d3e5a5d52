"""What to say where weights that are trained already are about to be trained as if they were fresh."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.run.foreign import yaml_of
from unix_exp.run.networks import AUTO, STUDENT, Network
from unix_exp.run.plan import Located
from unix_exp.run.sources import Fresh


def remarks(located: Located) -> Iterator[str]:
    """About the student; what makes a teacher was remarked on before it began."""
    student = located.networks[0]
    published = isinstance(student.source, Fresh) and student.settings.get("pretrained")
    if located.settings["method"] != "teacher" and published:
        yield from advice(student, "recipe", located.settings["recipe"], "recipe")
    if located.recipe.freeze_batch_norm and isinstance(student.source, Fresh) and not published:
        yield (
            f"recipe.freeze_batch_norm keeps the statistics of fresh weights, which are of no images; it is meant for "
            f"{STUDENT}.pretrained=true and {STUDENT}.checkpoint=PATH"
        )


def remarks_on_making(network: Network, settings: Settings) -> Iterator[str]:
    """About a network that is made for this run, from published weights or a file's."""
    if network.settings.get("pretrained") or network.settings.get("checkpoint", AUTO) != AUTO:
        yield from advice(network, "teacher_recipe", settings["teacher_recipe"], "recipe@teacher_recipe")


def advice(network: Network, group: str, recipe: Settings, choice: str) -> Iterator[str]:
    """A recipe says itself whether it is meant for trained weights, and those that are can be chosen."""
    if recipe.get("fine_tuning") or not (meant := recipes_for_trained_weights()):
        return
    choices = " or ".join(f"{choice}={name}" for name in meant)
    yield (
        f"{network.role} {network.name} begins from trained weights, and {group} is a schedule for fresh ones "
        f"({recipe['epochs']} epochs, learning rate {recipe['lr']:g}); for fine-tuning there is {choices}"
    )


def recipes_for_trained_weights() -> list[str]:
    found = []
    for path in sorted((config.choices_folder() / "recipe").glob("*.yaml")):
        with suppress(OSError, ValueError):
            if (yaml_of(path) or {}).get("fine_tuning") is True:
                found.append(path.stem)
    return found
