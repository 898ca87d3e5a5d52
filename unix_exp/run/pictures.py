"""The training images to which a method gave the highest and the lowest values, as pictures beside a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from unix_exp.run.checkpoint import write_whole
from unix_exp.types import Dataset

COLUMNS, ROWS = 8, 2  # of each picture
SIDE = 64  # pixels of an image in a picture, at most
GAP = 2  # pixels of white between images


def save_extremes(folder: Path, values: Mapping[str, Tensor], data: Dataset) -> None:
    """FOLDER/NAME-highest.png and NAME-lowest.png, and in NAME.json which images these are."""
    for name, of_images in values.items():
        chosen = extremes(of_images.cpu())
        if chosen:
            folder.mkdir(exist_ok=True)
            shown = {end: picture(folder / f"{name}-{end}.png", index, data) for end, index in chosen.items()}
            write_whole(folder / f"{name}.json", partial(write_json, described(shown, of_images, data)))


def described(shown: Mapping[str, list[tuple[int, int]]], values: Tensor, data: Dataset) -> dict[str, Any]:
    return {
        end: [{"index": one, "class": data.classes[label], "value": float(values[one])} for one, label in some]
        for end, some in shown.items()
    }


def write_json(content: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def extremes(values: Tensor, most: int = COLUMNS * ROWS) -> dict[str, Tensor]:
    """The indices of both ends; none where all values are the same. Between equal values a fixed shuffle decides."""
    known = (~values.isnan()).nonzero().flatten()
    count = min(most, len(known) // 2)
    if not count or values[known].min() == values[known].max():
        return {}
    known = known[torch.randperm(len(known), generator=torch.Generator().manual_seed(0))]
    falling = known[values[known].argsort(descending=True, stable=True)]
    return {"highest": falling[:count], "lowest": falling[-count:].flip(0)}


def picture(path: Path, index: Tensor, data: Dataset) -> list[tuple[int, int]]:
    """Images side by side in this order, cropped and mirrored as the training shows them; their indices and labels."""
    images, labels = as_trained_on(data, index)
    pixels = as_pixels(images.cpu(), getattr(data, "mean", None), getattr(data, "std", None))
    framed = F.pad(padded(pixels), (0, GAP, 0, GAP), value=255)
    rows = [torch.cat(list(some), dim=2) for some in framed.split(COLUMNS)]
    whole = torch.cat(rows, dim=1)[:, :-GAP, :-GAP].permute(1, 2, 0).contiguous().numpy()
    write_whole(path, lambda part: Image.fromarray(whole).save(part, "PNG"))
    return list(zip(index.tolist(), labels.tolist(), strict=True))


def shown(data: Dataset, index: Tensor) -> tuple[Tensor, Tensor]:
    """Training images and their labels; without augmentation, where the data set can show them so."""
    if not hasattr(data, "shown_plainly"):
        return as_trained_on(data, index)
    parts = list(data.shown_plainly(index.tolist(), len(index)))
    return torch.cat([images for images, _ in parts]), torch.cat([labels for _, labels in parts])


def as_trained_on(data: Dataset, index: Tensor) -> tuple[Tensor, Tensor]:
    batch = next(iter(data.train_batches(len(index), 0, index)))
    order = [batch.index.tolist().index(one) for one in index.tolist()]
    return batch.images[order], batch.targets.argmax(dim=1)[order]


def as_pixels(images: Tensor, mean: Sequence[float] | None, std: Sequence[float] | None) -> Tensor:
    """[N, 3, H, W] of bytes; without the data's mean and spread each image is stretched to the whole range."""
    images = images.float()
    if mean is not None and std is not None:
        images = images * torch.tensor(std).view(3, 1, 1) + torch.tensor(mean).view(3, 1, 1)
    else:
        low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
        images = (images - low) / (high - low).clamp(min=1e-6)
    if images.shape[-1] > SIDE:
        images = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True)
    return (255 * images).round().clamp(0, 255).to(torch.uint8)


def padded(pixels: Tensor) -> Tensor:
    """White images behind the last one, so that the last row is full."""
    missing = -len(pixels) % COLUMNS if len(pixels) > COLUMNS else 0
    return torch.cat([pixels, pixels.new_full((missing, *pixels.shape[1:]), 255)])
