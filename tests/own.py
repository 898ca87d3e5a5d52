"""Components of a test's own, and short trainings with them in this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from common import SHORT, SIDE, only
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

import unix_exp
from unix_exp.config import compose
from unix_exp.cost.network import gflops
from unix_exp.recipe import Recipe
from unix_exp.registry import Registry
from unix_exp.run.checkpoint import read_state
from unix_exp.run.plan import locate
from unix_exp.run.trial import Trial, tried
from unix_exp.types import Record

DATA = SimpleNamespace(classes=tuple("abcdefghij"), train_count=64, size=32)


def register(monkeypatch: pytest.MonkeyPatch, registry: Registry, **components: Any) -> None:
    """For as long as a test lasts."""
    registry.names()
    for name, constructor in components.items():
        monkeypatch.setitem(registry.constructors, name, constructor)
        monkeypatch.setitem(registry.modules, name, constructor.__module__)


def trial(networks: dict[str, nn.Module] | None = None, **chosen: Any) -> Trial:
    """What is found of a method before it trains: 16 images of 32x32 a step, by default plain distillation."""
    settings = {"seed": 0, "sampler": "everything", "criterion": {"kd": {}}, "distiller": "offline"} | chosen
    settings |= {key: {"name": settings[key]} for key in ("sampler", "distiller") if isinstance(settings[key], str)}
    if networks is None:
        networks = {role: unix_exp.model("resnet8", num_classes=10) for role in ("student", "teacher")}
    return tried(settings, networks, DATA, Recipe(epochs=2, batch=16, lr=0.1, milestones=[]))


def trained(*words: str, stop: int | None = None) -> list[Record]:
    """A short run; left after `stop` epochs, if any, so that the same words continue it."""
    run = unix_exp.fit(*SHORT, *words)
    records = list(islice(run, stop))
    run.close()
    return records


def kept(runs: str = "runs") -> dict[str, Any]:
    """The one checkpoint there, without how long it took, which its records say too."""
    state = read_state(only(Path(runs), "*-s*") / "checkpoint.pt")
    return {key: value for key, value in state.items() if key not in ("progress", "history")}


def same(one: Any, other: Any) -> bool:
    """Whether two nests of tensors and numbers are equal, bit for bit."""
    (ours, shape), (theirs, other_shape) = tree_flatten(one), tree_flatten(other)
    return shape == other_shape and all(map(equal, ours, theirs))


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        both_nan = one.isnan() & other.isnan()
        return one.shape == other.shape and bool(((one == other) | both_nan).all())
    return bool(one == other)


def check_that_it_resumes(*words: str, after: Sequence[int]) -> None:
    """What a run has written after so many epochs is continued to what the run itself becomes, bit for bit."""
    unbroken = []
    for record in unix_exp.fit(*SHORT, *words, "runs=unbroken"):
        unbroken.append(record)
        if record.epoch in after:
            shutil.copytree("unbroken", f"broken{record.epoch}")
    assert record.epoch > max(after)
    for epoch in after:
        runs = f"broken{epoch}"
        continued = trained(*words, f"runs={runs}")
        assert [record.epoch for record in continued] == [record.epoch for record in unbroken[epoch:]]
        for ours, theirs in zip(continued, unbroken[epoch:], strict=True):
            assert untimed(ours.values) == untimed(theirs.values)
            assert ours.arrays == theirs.arrays
        assert same(kept(runs), kept("unbroken"))
        weights = [read_state(only(Path(one), "*-s*") / "student.safetensors") for one in (runs, "unbroken")]
        assert same(*weights)


def untimed(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not name.startswith("time/")}


def file_of(network: nn.Module, path: str) -> str:
    torch.save(network.state_dict(), path)
    return path


def located(*jobs: tuple[str, ...]) -> list[Any]:
    """Which run each of some commands means, without training anything."""
    with compose.hydra_ready():
        return [locate(compose.composed((*SHORT, *words))) for words in jobs]


def result() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((only(Path("runs"), "*-s0-*") / "result.json").read_text())
    return found


def forward_of(*names: str) -> list[float]:
    """GFLOPs of an image in each network, as short runs have them."""
    return [gflops(unix_exp.model(name, num_classes=24), SIDE) for name in names]
