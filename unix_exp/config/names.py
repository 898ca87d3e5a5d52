"""What people call the parts of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unix_exp.config.settings import Settings


def network_name(settings: Mapping[str, Any]) -> str:
    """What people call a network: an adapter's by the architecture inside."""
    return str(settings.get("arch") or settings["name"])


def dataset_name(settings: Settings) -> str:
    """What people call a data set: a folder's by its title, or as the folder is called."""
    dataset = settings["dataset"]
    path = Path(str(dataset["path"])).name if dataset["name"] == "folder" and dataset.get("path") else None
    return str(dataset.get("title") or path or dataset["name"])


def pair_name(settings: Settings) -> str:
    student = network_name(settings["student"])
    return f"{network_name(settings['teacher'])}_{student}" if has_teacher(settings) else student


def has_teacher(settings: Settings) -> bool:
    return "name" in (settings.get("teacher") or {}) and settings["distiller"]["name"] != "supervised"


def method_name(settings: Settings) -> str:
    if settings.get("method"):
        return str(settings["method"])
    if not has_teacher(settings):
        return str(settings["distiller"]["name"])
    criteria = [name for name in settings["criterion"] if name != "kd"]
    return "-".join([settings["sampler"]["name"], *criteria])
