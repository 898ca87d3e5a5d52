"""A probe of a finished run: its networks and its data are loaded, and what is found is kept."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from unix_exp.config import plugins
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.engine.runtime import Runtime
from unix_exp.models.own_input import Normalised, see_as_trained
from unix_exp.ranges import parameters_of
from unix_exp.registry import probes
from unix_exp.run import components
from unix_exp.run.checkpoint import write_whole
from unix_exp.run.images import check_same
from unix_exp.run.load import load, read_result
from unix_exp.run.networks import STUDENT


def probe(run: Path, name: str, settings: Mapping[str, Any], device: str = "auto") -> dict[str, Any]:
    """Call a probe on a run; what it finds is kept in RUN/probes/NAME.json and returned."""
    result = read_result(run)
    recorded = result["settings"]
    plugins.load(recorded.get("plugins"))
    made = probes.make(name, settings)
    used = Runtime(device=device).place()
    networks: dict[str, nn.Module] = {role: load(run, role).to(used) for role in getattr(made, "networks", (STUDENT,))}
    data = components.dataset(recorded["dataset"])
    check_same(result, data, run)
    data.load(used)
    if hasattr(data, "preprocessing"):
        for network in networks.values():
            see_as_trained(network, normalisation_of(data.preprocessing()), own_of(network))
    found = {
        "probe": name, "about": inspect.getdoc(probes[name]) or "", "settings": complete(name, settings),
        "found": dict(made(networks, data)),
    }  # fmt: skip
    path = run / "probes" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, lambda part: part.write_text(json.dumps(found, indent=1) + "\n"))
    return found


def normalisation_of(preprocessing: Preprocessing) -> Normalised:
    return Normalised(preprocessing.mean, preprocessing.std)


def own_of(network: nn.Module) -> Normalised | None:
    """What a loaded network was trained with, or its weights' publisher says; None: the data's normalisation."""
    preprocess: Any = network.preprocess
    return getattr(network, "own_input", None) if preprocess is None else normalisation_of(preprocess)


def complete(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a probe, those that were left to their defaults too."""
    defaults = {key: parameter.default for key, parameter in parameters_of(probes[name]).items()}
    return {**{key: value for key, value in defaults.items() if value is not inspect.Parameter.empty}, **settings}
