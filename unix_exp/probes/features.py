from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from unix_exp.probes.pictures import points
from unix_exp.ranges import Count
from unix_exp.registry import probes
from unix_exp.types import Dataset, Mistake
from unix_exp.words import nearest

FIRST = 6  # classes, where none are chosen: more cannot be told apart in one drawing


@probes.register("features")
class Features:
    """The student's embeddings of some classes' test images, along their two principal axes.

    explained: the share of the variance along these axes, in per cent. within_classes: the share of all variance
    that is within classes, in per cent; it is small where classes form clusters.
    """

    def __init__(
        self,
        classes: Annotated[list[str] | None, "which classes, by name; null: the first six"] = None,
        images: Annotated[Count, "of each class, the first ones"] = 50,
        batch: Annotated[Count, "images in a pass; changes no result"] = 250,
    ) -> None:
        if classes is not None and len(set(classes)) < 2:
            raise Mistake(f"probe.classes is {classes}; name two classes or more")
        self.classes = classes
        self.images, self.batch = images, batch

    @torch.no_grad()
    def __call__(self, networks: Mapping[str, nn.Module], data: Dataset) -> Mapping[str, Any]:
        chosen = list(dict.fromkeys(self.classes or data.classes[:FIRST]))
        for name in chosen:
            if name not in data.classes:
                raise Mistake(f"the data set has no class '{name}'; {nearest(name, data.classes)}")
        numbers = [data.classes.index(name) for name in chosen]
        embeddings, labels = [], []
        for images, of_images in data.test_batches(self.batch):
            wanted = torch.isin(of_images, torch.tensor(numbers, device=of_images.device))
            if wanted.any():
                embeddings.append(networks["student"](images[wanted]).embedding.flatten(1).double().cpu())
                labels.append(of_images[wanted].cpu())
        if not embeddings:
            raise Mistake("the test set has no image of these classes; choose others with classes=[...]")
        embedding, label = torch.cat(embeddings), torch.cat(labels)
        kept = torch.cat([(label == number).nonzero().flatten()[: self.images] for number in numbers])
        embedding, label = embedding[kept], label[kept]
        placed, explained = principal(embedding)
        drawn = {
            name: (placed[label == number, 0].tolist(), placed[label == number, 1].tolist())
            for name, number in zip(chosen, numbers, strict=True)
        }
        return {
            "images": len(kept),
            "explained": 100 * explained,
            "within_classes": 100 * within(embedding, label),
            "embedding": points("first principal axis", "second principal axis", drawn),
        }


def principal(embedding: Tensor) -> tuple[Tensor, float]:
    """Coordinates [N, 2] along the two directions of most variance, and the share of the variance in them."""
    centred = embedding - embedding.mean(dim=0)
    _, strengths, directions = torch.linalg.svd(centred, full_matrices=False)
    # The sign of a direction is arbitrary: its largest entry is made positive, so that a repetition draws the same.
    largest = directions.gather(1, directions.abs().argmax(dim=1, keepdim=True))
    placed = centred @ (directions * largest.sign())[:2].T
    if placed.shape[1] < 2:
        placed = torch.cat([placed, torch.zeros(len(placed), 2 - placed.shape[1], dtype=placed.dtype)], dim=1)
    variance = strengths.square()
    return placed, float(variance[:2].sum() / variance.sum().clamp_min(torch.finfo(variance.dtype).tiny))


def within(embedding: Tensor, label: Tensor) -> float:
    """The share of the variance that lies within classes: small where classes form clusters."""
    total = (embedding - embedding.mean(dim=0)).square().sum()
    inside = torch.zeros_like(total)
    for number in set(label.tolist()):
        of_class = embedding[label == number]
        inside += (of_class - of_class.mean(dim=0)).square().sum()
    return float(inside / total.clamp_min(torch.finfo(total.dtype).tiny))
