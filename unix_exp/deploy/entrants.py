"""What can be compared of a run: its teacher, its student, and the files that the student was exported to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from unix_exp.deploy.answering import Answer
from unix_exp.deploy.images import BATCH, Images
from unix_exp.deploy.loaded import Loaded, opened
from unix_exp.deploy.records import exports_of
from unix_exp.deploy.with_data import RunAndData
from unix_exp.models.own_input import Normalised
from unix_exp.run.load import load, other
from unix_exp.run.networks import STUDENT, TEACHER
from unix_exp.run.probing import normalisation_of, own_of
from unix_exp.types import Mistake, Watch

Originals: TypeAlias = Callable[[int | None, Watch], Iterator[tuple[Tensor, Tensor]]]


class Entrant(NamedTuple):
    """A network as it is used: `answer` is asked about what `prepare` makes of the data set's images."""

    name: str
    architecture: str
    file: Path
    device: str
    prepare: Callable[[Tensor], Tensor]  # from the data set's normalisation to the network's own, and to its layout
    answer: Answer  # prepared images -> logits
    again: Callable[[], Answer]  # read the network once more, in another process too, and answer
    module: nn.Module | None = None  # where it is one of this package
    needs: tuple[str, ...] = ()  # packages beside PyTorch that it computes with
    pixels: bool = False  # whether it prepares images itself
    originals: Originals | None = None  # what it says of them where it does, and the data has them as they were

    def logits(self, images: Tensor) -> Tensor:
        return self.answer(self.prepare(images))


def entrants_of(of: RunAndData) -> tuple[list[Entrant], list[str]]:
    """The networks that are there, the teacher first, and what is not there, in words."""
    found, notes = [], []
    if of.result.get("teacher") is not None:
        try:
            found.append(of_role(of, TEACHER))
        except Mistake as mistake:
            notes.append(f"the teacher is not measured: {mistake}")
    found.append(of_role(of, STUDENT))
    try:
        names = list(exports_of(of.path))
    except Mistake as mistake:
        return found, [*notes, f"no export is measured: {mistake}"]
    for name in names:
        try:
            found.append(of_export(of, name))
        except Mistake as mistake:
            notes.append(f"{name} is not measured: {mistake}")
    return found, notes


def of_role(of: RunAndData, role: str) -> Entrant:
    own = role == STUDENT
    file = of.path / "student.safetensors" if own else other(of.path, of.result, role)[0]
    again = partial(network, of.path, role, str(of.device), of.layout)
    module = again()
    name = of.result["student"] if own else of.result["teacher"]["name"]
    prepare = partial(prepared, own=own_of(module), given=of.given, layout=of.layout, device=str(of.device))
    return Entrant(role, name, file, str(of.device), prepare, module, again, module)


def of_export(of: RunAndData, name: str) -> Entrant:
    """ONNX Runtime computes on the CPU, wherever the others do."""
    file = of.path / name
    onnx, threads = file.suffix == ".onnx", torch.get_num_threads()
    device = "cpu" if onnx else str(of.device)
    loaded = opened(file, threads, device)
    own = loaded.preprocessing
    wanted = None if own is None else normalisation_of(own)
    prepare = partial(prepared, own=wanted, given=of.given, layout=torch.contiguous_format, device=device)
    needs = ("onnxruntime",) if onnx else ()
    one = Entrant(name, of.result["student"], file, device, prepare, loaded.answering.answer,
                  partial(answer_of, file, threads, device), needs=needs)  # fmt: skip
    if not loaded.prepares or own is None:
        return one
    images = Images(of.data, loaded.description)
    if images.test_originals(1) is not None:
        return one._replace(
            pixels=True, prepare=partial(drawn, side=own.resize), originals=partial(shown, loaded, images)
        )
    as_pixels = partial(pixels_of, loaded=loaded, prepare=prepare)
    as_pixels(torch.zeros(1, 3, own.size, own.size))  # says so where it cannot be given prepared images
    return one._replace(pixels=True, prepare=as_pixels)


def answer_of(file: Path, threads: int, device: str) -> Answer:
    return opened(file, threads, device).answering.answer


def shown(loaded: Loaded, images: Images, most: int | None, watch: Watch) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits and labels of the test images, or of so many, as they were before anything was done to them."""
    batches = images.test_originals(most)
    assert batches is not None
    for some, labels in watch(batches, f"test {loaded.name}", -(-len(images.rows(most)) // BATCH)):
        yield loaded.logits_of(some), labels


def drawn(images: Tensor, side: int) -> Tensor:
    """As many images before they are prepared, to time a file that prepares them itself: any pixels will do."""
    return torch.randint(0, 256, (len(images), side, side, 3), dtype=torch.uint8)


def pixels_of(images: Tensor, loaded: Loaded, prepare: Callable[[Tensor], Tensor]) -> Tensor:
    return loaded.as_pixels(prepare(images))


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
