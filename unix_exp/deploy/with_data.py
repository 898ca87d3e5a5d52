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


class RunAndData(NamedTuple):
    path: Path
    result: dict[str, Any]
    data: Dataset  # loaded
    device: torch.device
    layout: torch.memory_format  # of the run's networks
    given: Normalised | None  # how the data set normalises images; None where it does not say


def with_data(run: Path, device: str, watch: Watch) -> RunAndData:
    """Of a run's folder, the result and the images of its data set."""
    result = read_result(run)
    settings = result["settings"]
    plugins.load(settings.get("plugins"))
    form = (settings.get("runtime") or {}).get("memory_format", Runtime.memory_format)
    runtime = Runtime(device=device, memory_format=form)
    data = images_of(run, result, runtime.place(), watch)
    given = normalisation_of(data.preprocessing()) if hasattr(data, "preprocessing") else None
    return RunAndData(run, result, data, runtime.place(), runtime.layout, given)


def images_of(run: Path, result: Mapping[str, Any], place: Any, watch: Watch) -> Dataset:
    """A run's data set, loaded; a Mistake where it is not what the run was trained and tested on."""
    try:
        data = components.dataset(result["settings"]["dataset"])
    except Mistake as mistake:
        here = "type the command in the folder that the run was trained from, or put the images back"
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
