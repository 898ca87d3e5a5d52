"""Anything that can be used: a finished run, the file of its student, or an export; opened from that alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unix_exp.data.opening import open_image
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.deploy import of_onnx, of_pt2, of_weights
from unix_exp.deploy.answering import Answering
from unix_exp.deploy.records import check_recorded
from unix_exp.run.description import Description
from unix_exp.types import Mistake

KINDS = {".onnx": of_onnx.opened, ".pt2": of_pt2.opened, ".safetensors": of_weights.opened}  # by the file's ending


@dataclass(frozen=True)
class Loaded:
    """A network ready to answer, wherever it came from."""

    path: Path  # of its file
    name: str  # as it was given, without the folders before it
    kind: str  # "run", or the ending of its file without the dot
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

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size

    def logits(self, images: Tensor) -> Tensor:
        """[N, C] float32 on the CPU, of images [N, 3, size, size] as the preprocessing makes them."""
        return self.answering.answer(self.as_pixels(images) if self.prepares else images)

    def logits_of(self, images: Sequence[str | Path]) -> Tensor:
        """[N, C], of image files of any size; they are all held in memory, so give a batch at a time."""
        if self.prepares:
            pixels = [torch.from_numpy(np.array(open_image(str(image))))[None] for image in images]
            return torch.cat([self.answering.answer(one) for one in pixels])  # each has a size of its own
        prepare = self.preprocessing
        if prepare is None:
            raise Mistake(f"{self.name} does not say how an image becomes its input: its data had no image files")
        return self.logits(torch.stack([prepare(str(image)) for image in images]))

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
        return Loaded(given / "student.safetensors", given.resolve().name, "run", of_weights.of_run(given, device))
    if not given.exists():
        raise Mistake(f"{given} does not exist; give a run's folder or a file ({', '.join(KINDS)})")
    if not given.is_file():
        raise Mistake(f"{given} is no regular file; give a run's folder or a file ({', '.join(KINDS)})")
    if given.suffix not in KINDS:
        raise Mistake(f"{given} is of no known kind; give a run's folder or a file ({', '.join(KINDS)})")
    check_recorded(given)
    return Loaded(given, given.name, given.suffix[1:], KINDS[given.suffix](given, threads, device))
