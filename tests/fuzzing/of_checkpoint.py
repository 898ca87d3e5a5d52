"""Checkpoints, weights and stored answers, read as a run reads them: content that differs is refused or fits."""

from __future__ import annotations

import copy
import io
import json
import os
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from assembled import CPU, RECIPE, Case, Noise, networks_of, settings_of
from stored import training, unwatched, work
from torch import Tensor

from unix_exp.engine.loop import Training, train
from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.making import Work, make_missing
from unix_exp.run.answers.views import Stored
from unix_exp.run.checkpoint import load_weights, save_state
from unix_exp.run.continuing import checked_state, load_state, state_of
from unix_exp.run.folder import RunFolder
from unix_exp.run.trial import tried
from unix_exp.types import Mistake

from .frame import FINE, REFUSED
from .mutations import odd, spoiled

CASE = Case("offline", "recall", ("kd",))
CHOICE = Choice(stored=True, views=2)
TRAP = "sprung"  # a file that a payload would make


class Trap:
    """What is run where a pickle is executed."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (TRAP,)


@cache
def begun() -> tuple[Training, list[dict[str, Any]]]:
    """A training, and what its checkpoints hold: one within its first epoch, and one after it."""
    run, states = training(CASE, Choice(), Path()), []
    own = {"identity": "0" * 12, "history": {"lines": {"values": '{"epoch": 1}\n'}, "stretches": []}}
    run.save = lambda run: states.append(copy.deepcopy(state_of(run) | own))
    run.saved_at = -1e9  # the first step's end is long after that
    epochs = train(run)
    next(epochs)
    run.keep()
    epochs.close()
    run.save = None
    return run, states


@cache
def answers() -> dict[str, bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        made = asked(Path(place))
        make_missing(made, unwatched, lambda _: None)
        return {path.name: path.read_bytes() for path in made.store.path.glob("view-*")}


def asked(folder: Path) -> Work:
    data, networks = of_answers()
    trial = tried(settings_of(CASE), networks, data, RECIPE.but(epochs=4), CHOICE)
    return work(CASE, CHOICE, folder, data, trial, networks)


@cache
def of_answers() -> tuple[Noise, dict[str, Any]]:
    data = Noise()
    data.load("cpu")
    return data, {role: CPU.settled(one) for role, one in networks_of(CASE).items()}


class Checkpoints:
    """A checkpoint, weights or a view of answers: other bytes, other values under a right hash, or a payload."""

    name = "checkpoint"

    def make(self, draw: random.Random, folder: Path) -> None:
        way = draw.choice((self.bytes_of, self.values_of, self.weights, self.view))
        way(draw, folder)

    def bytes_of(self, draw: random.Random, folder: Path) -> None:
        save_state(folder / "whole.pt", draw.choice(begun()[1]))
        content = (folder / "whole.pt").read_bytes()
        (folder / "whole.pt").unlink()
        (folder / "checkpoint.pt").write_bytes(spoiled(draw, content))

    def values_of(self, draw: random.Random, folder: Path) -> None:
        """As if another program had written it; its hash is right."""
        state = copy.deepcopy(draw.choice(begun()[1]))
        for _ in range(draw.choice((1, 1, 2))):
            spoil(draw, state)
        save_state(folder / "checkpoint.pt", state)

    def weights(self, draw: random.Random, folder: Path) -> None:
        """A file of someone else's: .safetensors, or PyTorch's without a hash."""
        tensors = dict(begun()[0].method.student.state_dict())
        if draw.random() < 0.3:
            tensors = {key: twisted(draw, one) if draw.random() < 0.1 else one for key, one in tensors.items()}
        if draw.random() < 0.5:
            content = safetensors.torch.save({key: one.to_dense().contiguous() for key, one in tensors.items()})
            (folder / "weights.safetensors").write_bytes(spoiled(draw, content))
            return
        buffer = io.BytesIO()
        torch.save({**tensors, "stem.weight": Trap()} if draw.random() < 0.1 else tensors, buffer)
        content = buffer.getvalue()
        (folder / "weights.pth").write_bytes(spoiled(draw, content) if draw.random() < 0.8 else content)

    def view(self, draw: random.Random, folder: Path) -> None:
        (folder / "store").mkdir()
        for name, content in answers().items():
            (folder / "store" / name).write_bytes(content)
        path = draw.choice(sorted((folder / "store").iterdir()))
        if path.suffix == ".json" and draw.random() < 0.5:
            values = json.loads(path.read_text())
            values.pop("check") if draw.random() < 0.7 else None
            spoil(draw, values)
            path.write_text(json.dumps(values))
        else:
            path.write_bytes(spoiled(draw, path.read_bytes()))

    def read(self, folder: Path) -> str:
        os.chdir(folder)
        by = {"checkpoint.pt": self.continued, "store": self.shown}
        reader, said = by.get(next(path.name for path in folder.iterdir()), self.loaded), ""
        try:
            reader(folder)
        except Mistake as mistake:
            said = str(mistake)
        finally:
            assert not Path(TRAP).exists(), "a payload was executed"
        assert len(said) < 2000, "a mistake of many pages"
        return REFUSED if said else FINE

    def continued(self, folder: Path) -> None:
        run, _ = begun()
        place = RunFolder(folder, "0" * 12)
        load_state(run, checked_state(place, folder / "checkpoint.pt"), place)
        next(train(run), None)  # and what was taken can be trained on

    def loaded(self, folder: Path) -> None:
        load_weights(begun()[0].method.student, next(folder.iterdir()), "the student")

    def shown(self, folder: Path) -> None:
        """Whatever is read without a word is what was stored."""
        made = asked(folder)
        if made.missing:
            return  # it is made again
        views = Stored(made)
        for view in range(CHOICE.count(made.data)):
            shown = views(view)
            assert shown is not None and shown.answers is not None
            (name,) = (one for one in answers() if one.startswith(f"view-{view:03}") and one.endswith(".npy"))
            right = torch.from_numpy(np.load(io.BytesIO(answers()[name]))).float()
            assert torch.equal(shown.answers.of(torch.arange(len(right))).logits, right), "other answers"


def spoil(draw: random.Random, value: Any) -> None:
    """One part of nested values replaced by something odd, in place."""
    while True:
        key = draw.choice(sorted(value, key=str) if isinstance(value, dict) else range(len(value)))
        inside = value[key]
        if isinstance(inside, (dict, list)) and inside and draw.random() < 0.85:
            value = inside
            continue
        if draw.random() < 0.15 and isinstance(value, dict):
            del value[key]
        else:
            value[key] = twisted(draw, inside) if isinstance(inside, Tensor) and draw.random() < 0.7 else odd(draw)
        return


def twisted(draw: random.Random, tensor: Tensor) -> Tensor:
    """Another shape, type, size or content."""
    ways = (
        lambda: tensor.reshape(-1)[:1], lambda: tensor.new_zeros(0), lambda: tensor.new_zeros(3, 1, 7),
        lambda: tensor.double(), lambda: tensor.to(torch.int8), lambda: tensor.to(torch.complex64),
        lambda: tensor.expand(5, *tensor.shape), lambda: torch.full_like(tensor, float("nan"), dtype=torch.float32),
        lambda: tensor.to_sparse() if tensor.dim() else tensor, lambda: torch.tensor(1.0), lambda: tensor.bool(),
        lambda: tensor.transpose(0, -1) if tensor.dim() > 1 else tensor,
    )  # fmt: skip
    return draw.choice(ways)()


TARGET = Checkpoints()
