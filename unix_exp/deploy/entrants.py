"""What can be compared of a run: its teacher, its student, and the files that the student was exported to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from unix_exp.deploy.tested import Tested
from unix_exp.models.own_input import Normalised
from unix_exp.run.load import load, other
from unix_exp.run.networks import STUDENT, TEACHER
from unix_exp.run.probing import own_of
from unix_exp.types import Mistake

Images: TypeAlias = Callable[[Tensor], Tensor]


class Entrant(NamedTuple):
    """A network as it is used: `answer` is asked about what `prepare` makes of the data set's images."""

    name: str
    architecture: str
    file: Path
    device: str
    prepare: Images  # from the data set's normalisation to the network's own, and to its layout
    answer: Images  # prepared images -> logits
    again: Callable[[], Images]  # read the network once more, in another process too, and answer
    module: nn.Module | None = None  # where it is one of this package

    def logits(self, images: Tensor) -> Tensor:
        return self.answer(self.prepare(images))


def entrants_of(of: Tested) -> tuple[list[Entrant], list[str]]:
    """The networks that are there, the teacher first, and what is not there, in words."""
    found, notes = [], []
    if of.result.get("teacher") is not None:
        try:
            found.append(of_role(of, TEACHER))
        except Mistake as mistake:
            notes.append(f"the teacher is not measured: {mistake}")
    found.append(of_role(of, STUDENT))
    return found, notes


def of_role(of: Tested, role: str) -> Entrant:
    own = role == STUDENT
    file = of.path / "student.safetensors" if own else other(of.path, of.result, role)[0]
    again = partial(network, of.path, role, str(of.device), of.layout)
    module = again()
    name = of.result["student"] if own else of.result["teacher"]["name"]
    prepare = partial(prepared, own=own_of(module), given=of.given, layout=of.layout, device=str(of.device))
    return Entrant(role, name, file, str(of.device), prepare, module, again, module)


def network(run: Path, role: str, device: str, layout: torch.memory_format) -> nn.Module:
    return load(run, role, logits=True).to(device).to(memory_format=layout)


def prepared(
    images: Tensor, own: Normalised | None, given: Normalised | None, layout: torch.memory_format, device: str
) -> Tensor:
    """Images of the data set as a network wants them."""
    if own is not None and given is not None and not own.near(given):
        had, mean, has, wanted = (
            torch.tensor(list(values), device=images.device).view(-1, 1, 1)
            for values in (given.std, given.mean, own.std, own.mean)
        )
        images = (images * had + mean - wanted) / has
    return images.to(device).contiguous(memory_format=layout)
