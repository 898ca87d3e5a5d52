"""A finished run beside the images that it is tested on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from unix_exp.config import plugins
from unix_exp.engine.runtime import Runtime
from unix_exp.models.own_input import Normalised
from unix_exp.run import components
from unix_exp.run.images import RECORDED, check_same, recorded_of
from unix_exp.run.load import read_result
from unix_exp.run.probing import normalisation_of
from unix_exp.types import Dataset, Mistake, Watch

PLACES = ("path", "root")  # the settings that say where a data set lies


class RunAndData(NamedTuple):
    path: Path
    result: dict[str, Any]
    data: Dataset  # loaded
    device: torch.device
    layout: torch.memory_format  # of the run's networks
    given: Normalised | None  # how the data set normalises images; None where it does not say


def with_data(run: Path, device: str, watch: Watch, moved: Path | None = None) -> RunAndData:
    """Of a run's folder, the result and the images of its data set, which may have `moved`."""
    result = read_result(run)
    settings = result["settings"]
    plugins.load(settings.get("plugins"))
    form = (settings.get("runtime") or {}).get("memory_format", Runtime.memory_format)
    runtime = Runtime(device=device, memory_format=form)
    data = images_of(run, result, runtime.place(), watch, moved)
    given = normalisation_of(data.preprocessing()) if hasattr(data, "preprocessing") else None
    return RunAndData(run, result, data, runtime.place(), runtime.layout, given)


def images_of(run: Path, result: Mapping[str, Any], place: Any, watch: Watch, moved: Path | None = None) -> Dataset:
    """A run's data set, loaded; a Mistake where it is not what the run was trained and tested on."""
    settings = result["settings"]["dataset"]
    if moved is not None:
        settings = at_another_place(settings, moved)
    try:
        data = components.dataset(settings)
    except Mistake as mistake:
        here = "give their place with --data PATH, or type the command where the run was trained"
        raise Mistake(f"the images of {run} cannot be used: {mistake}; {here}") from None
    kept = result.get("fingerprint") in (None, data.fingerprint())
    if not kept and (RECORDED not in result or result[RECORDED] != recorded_of(data).get(RECORDED)):
        raise Mistake(
            f"the images of {run} are not those that it was trained and tested on: their names, sizes, labels or "
            "number are others; put the former ones back"
        )
    check_same(result, data, run)
    data.load(place, watch)
    return data


def at_another_place(settings: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A data set's settings, with the images where they are now."""
    places = [key for key in PLACES if settings.get(key) is not None]
    if not places:
        raise Mistake(f"--data is {path}, but data set '{settings['name']}' is in no folder; leave it out")
    return {**settings, places[0]: str(path.expanduser())}
