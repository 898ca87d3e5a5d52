"""What people call the parts of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unix_exp.config.settings import Settings
from unix_exp.registry import criteria, distillers


def network_name(settings: Mapping[str, Any]) -> str:
    """What people call a network: an adapter's by the architecture inside."""
    return str(settings.get("arch") or settings["name"])


def dataset_name(settings: Settings) -> str:
    """What people call a data set; one that takes a title by that, or as its folder is called."""
    dataset = settings["dataset"]
    path = Path(str(dataset["path"])).name if "title" in dataset and dataset.get("path") else None
    return str(dataset.get("title") or path or dataset["name"])


def pair_name(settings: Settings) -> str:
    student = network_name(settings["student"])
    return f"{network_name(settings['teacher'])}_{student}" if has_teacher(settings) else student


def has_teacher(settings: Settings) -> bool:
    """Whether a teacher is chosen and the distiller learns from one; imports torch."""
    return "name" in (settings.get("teacher") or {}) and learns_from_teacher(settings["distiller"]["name"])


def learns_from_teacher(distiller: str) -> bool:
    return "teacher" in getattr(distillers[distiller], "networks", ("teacher",))


def method_name(settings: Settings) -> str:
    """The name it was given, or what it is made of beside plain distillation: method, sampler, criteria."""
    if settings.get("method"):
        return str(settings["method"])
    if not has_teacher(settings):
        return str(settings["distiller"]["name"])
    more = [name for name in settings["criterion"] if not getattr(criteria[name], "plain_distillation", False)]
    distiller = settings["distiller"]["name"]
    own = [distiller] if getattr(distillers[distiller], "in_names", True) else []
    return "-".join([*own, settings["sampler"]["name"], *more])
