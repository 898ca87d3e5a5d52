"""Anything that can be used: a finished run, the file of its student, or an export; opened from that alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unix_exp.data.opening import image_of
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.deploy.answering import Answering
from unix_exp.deploy.records import check_recorded
from unix_exp.run.description import Description
from unix_exp.run.foreign import beside
from unix_exp.types import Mistake

# By a file's ending, the module here that opens it: imported when it is needed, as each takes a second.
KINDS = {".onnx": "of_onnx", ".pt2": "of_pt2", ".safetensors": "of_weights"}


@dataclass(frozen=True)
class Loaded:
    """A network ready to answer, wherever it came from."""

    path: Path  # of its file
    name: str  # as it was given, without the folders before it
    kind: str  # "run", or the ending of its file without the dot
    bytes: int  # of its file
    answering: Answering

    @property
    def description(self) -> Description:
        return self.answering.description

    @property
    def classes(self) -> tuple[str, ...]:
        return self.description.classes

    @property
    def preprocessing(self) -> Preprocessing | None:
        """How a file becomes the image that it wants; None where nobody knows."""
        return self.description.preprocessing

    @property
    def prepares(self) -> bool:
        """Whether it does the preprocessing itself, and wants pixels."""
        return self.answering.pixels

    def logits(self, images: Tensor) -> Tensor:
        """[N, C] float32 on the CPU, of images [N, 3, size, size] as the preprocessing makes them."""
        return self.answering.answer(self.as_pixels(images) if self.prepares else images)

    def logits_of(self, images: Sequence[Image.Image | str | Path]) -> Tensor:
        """[N, C], of images or files of any size; they are all held in memory, so give a batch at a time."""
        return self.answers([self.prepared(image) for image in images])

    def prepared(self, image: Image.Image | str | Path) -> Tensor:
        """What it wants of an image, or of the file that holds it."""
        if self.prepares:
            return torch.from_numpy(np.array(image_of(image)))
        if self.preprocessing is None:
            raise Mistake(f"{self.name} does not say how an image becomes its input: its data had no image files")
        return self.preprocessing(image)

    def answers(self, prepared: Sequence[Tensor]) -> Tensor:
        """[N, C]; pixels are of any size, so each image is a batch of its own."""
        if self.prepares:
            return torch.cat([self.answering.answer(one[None]) for one in prepared])
        return self.answering.answer(torch.stack(list(prepared)))

    def as_pixels(self, images: Tensor) -> Tensor:
        """Normalised images as the pixels that they were made of."""
        own = self.preprocessing
        assert own is not None, "a file that prepares its images knows how"
        if own.resize != own.size:
            raise Mistake(f"{self.name} scales and cuts images itself: give it image files, not prepared images")
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (own.mean, own.std))
        levels = (images.cpu() * std + mean) * 255
        return levels.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def opened(path: str | Path, threads: int | None = None, device: str = "cpu") -> Loaded:
    """A run's folder, or a file of one of the KINDS.

    `threads` are those of ONNX Runtime, which computes on the CPU; PyTorch's are torch.set_num_threads's.
    """
    given = Path(path).expanduser()
    if given.is_dir():
        answering, file = opener(".safetensors").of_run(given, device), given / "student.safetensors"
        return Loaded(file, given.resolve().name, "run", file.stat().st_size, answering)
    known = f"give a run's folder or a file ({', '.join(KINDS)})"
    if not given.exists():
        raise Mistake(f"{given} does not exist{beside(given) or f'; {known}'}")
    if given.suffix.lower() not in KINDS or not given.is_file():
        raise Mistake(f"{given} is of no known kind; {known}")
    try:
        content = given.read_bytes()
    except OSError as error:
        raise Mistake(f"{given} cannot be read ({error.strerror})") from None
    check_recorded(given, content)
    return of_content(given, content, threads, device)


def of_content(file: Path, content: bytes, threads: int | None = None, device: str = "cpu") -> Loaded:
    """What a file holds, which may not be written yet."""
    kind = file.suffix.lower()
    answering = opener(kind).opened(file, content, threads, device)
    return Loaded(file, file.name, kind[1:], len(content), answering)


def opener(suffix: str) -> Any:
    return import_module(f"unix_exp.deploy.{KINDS[suffix]}")
