"""What people call the parts of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unix_exp.config.settings import Settings
from unix_exp.registry import Registry, criteria, distillers, samplers


def network_name(settings: Mapping[str, Any]) -> str:
    """What people call a network: an adapter's by the architecture inside."""
    return str(settings.get("arch") or settings["name"])


def dataset_name(settings: Settings) -> str:
    """What people call a data set; one that takes a title by that, or as the set or the folder that it names."""
    dataset = settings["dataset"]
    known = (dataset.get("set") or dataset.get("path")) if "title" in dataset else None
    return str(dataset.get("title") or (Path(str(known)).name if known else None) or dataset["name"])


def pair_name(settings: Settings) -> str:
    return named_pair(settings, has_teacher(settings))


def named_pair(settings: Mapping[str, Any], taught: bool) -> str:
    """The pair's name where it is known whether the student is taught; imports nothing."""
    student = network_name(settings["student"])
    return "_".join([*chain(settings["teacher"]), student]) if taught else student


def chain(teacher: Mapping[str, Any]) -> list[str]:
    """The name of a network after that of its own teacher, if it has one."""
    before = chain(teacher["teacher"]) if teacher.get("teacher") else []
    return [*before, network_name(teacher)]


def has_teacher(settings: Settings) -> bool:
    """Whether a teacher is chosen and the distiller learns from one; imports torch."""
    return "name" in (settings.get("teacher") or {}) and learns_from_teacher(settings["distiller"]["name"])


def learns_from_teacher(distiller: str) -> bool:
    return "teacher" in getattr(distillers[distiller], "networks", ("teacher",))


def method_name(settings: Settings) -> str:
    """The name it was given, or one made of its parts, and how the teacher's answers come where that is unusual."""
    return "-".join([str(settings.get("method") or name_of_parts(settings)), *said_of_answers(settings)])


def name_of_parts(settings: Settings) -> str:
    """A name without what plain distillation or supervision has anyway."""
    sampler, distiller = settings["sampler"]["name"], settings["distiller"]["name"]
    if has_teacher(settings):
        own = [distiller] if getattr(distillers[distiller], "in_names", True) else []
        return "-".join([*own, sampler, *beside(criteria, settings["criterion"], "plain_distillation")])
    parts = (*beside(samplers, [sampler], "plain_supervision"),
             *beside(criteria, settings["criterion"], "plain_supervision"))  # fmt: skip
    return "-".join([distiller, *parts])


def said_of_answers(settings: Settings) -> list[str]:
    """What a name says of fixed views: an approximation is always named."""
    answers = settings.get("answers") or {}
    if answers.get("views") is None:
        return []
    said = [f"{'stored' if answers.get('stored') else 'views'}{answers['views']}"]
    said += [f"{name}{answers[name]}" for name in ("top", "jitter") if answers.get(name)]
    mixes = answers.get("stored") and getattr(samplers[settings["sampler"]["name"]], "mixes", False)
    return [*said, "mixed"] if mixes else said


def beside(registry: Registry, names: Iterable[str], plain: str) -> list[str]:
    return [name for name in names if not getattr(registry[name], plain, False)]
