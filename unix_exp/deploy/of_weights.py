"""The student of a run, or its file of weights alone: the network is built by this package."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from unix_exp import config
from unix_exp.deploy.answering import Answering
from unix_exp.engine.runtime import Runtime
from unix_exp.models.logits import Logits
from unix_exp.run.checkpoint import load_weights, read_state
from unix_exp.run.description import Description, described
from unix_exp.run.load import built, load
from unix_exp.run.networks import STUDENT
from unix_exp.types import Mistake

OLD = "says no classes: it was made by an earlier version; make its run again, in another folder with runs=PATH"


def of_run(folder: Path, device: str) -> Answering:
    """From a finished run's folder alone, with the plug-ins that it names."""
    network = load(folder, logits=True)
    if (description := described(folder / "student.safetensors")) is None:
        raise Mistake(f"the student of {folder} {OLD}")
    return answering(description, network, device)


def opened(file: Path, content: bytes, threads: int | None, device: str) -> Answering:
    if (description := described(file)) is None:
        read_state(file)  # says so where it is damaged
        raise Mistake(f"{file} {OLD}")
    chosen = description.architecture
    network = built(chosen, STUDENT, len(description.classes))
    load_weights(network, file, config.network_name(chosen))
    return answering(description, Logits(network).eval(), device)


def answering(description: Description, network: nn.Module, device: str) -> Answering:
    place = Runtime(device=device).place()
    network.requires_grad_(False).to(place)

    @torch.inference_mode()
    def answer(images: Tensor) -> Tensor:
        logits: Tensor = network(images.to(place))
        return logits.float().cpu()

    return Answering(description, answer)
