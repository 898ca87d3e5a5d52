"""A finished run looked at once more: its networks and its data, as a probe wants them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from unix_exp.config import plugins
from unix_exp.engine.runtime import Runtime
from unix_exp.registry import probes
from unix_exp.run import components
from unix_exp.run.checkpoint import write_whole
from unix_exp.run.load import load, read_result
from unix_exp.run.networks import STUDENT


def probe(run: Path, name: str, settings: Mapping[str, Any], device: str = "auto") -> dict[str, Any]:
    """Let a probe look at a run; what it finds is kept in RUN/probes/NAME.json and returned."""
    recorded = read_result(run)["settings"]
    plugins.load(recorded.get("plugins"))
    made = probes.make(name, settings)
    place = Runtime(device=device).place()
    networks: dict[str, nn.Module] = {role: load(run, role).to(place) for role in getattr(made, "networks", (STUDENT,))}
    data = components.dataset(recorded["dataset"])
    data.load(place)
    found = {"probe": name, "settings": dict(settings), "found": dict(made(networks, data))}
    path = run / "probes" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, lambda part: part.write_text(json.dumps(found, indent=1) + "\n"))
    return found
