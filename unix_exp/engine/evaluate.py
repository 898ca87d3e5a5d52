"""How good a network is on images that it does not learn from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from unix_exp import stopping
from unix_exp.distillers.scouting import Passes, undivided
from unix_exp.engine.runtime import Runtime
from unix_exp.types import Watch

CPU_BATCH, GPU_BATCH = 250, 2000  # test images at a time; a GPU is given enough to do at each launch
GPU_BATCH_SIZE = 32  # the side of the images that GPU_BATCH is meant for


class Tested(Protocol):
    """The test images of a data set, or others in their place."""

    classes: tuple[str, ...]
    size: int
    test_count: int

    def test_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]: ...


class Evaluation(NamedTuple):
    """How good a network is on these images, and where each class lies in its embedding."""

    top1: float  # per cent
    top5: float
    top1_by_class: list[float | None]  # None for a class without test images
    centres: Tensor  # [C, D], the mean embedding of each class's test images; NaN where there are none
    guesses: Tensor  # [M] int64, the first guess of every test image, in their order
    labels: Tensor  # [M] int64, the classes of these images


def evaluation_batch(batch_size: int, size: int, device: torch.device) -> int:
    """How many test images to evaluate at once: no backward pass keeps activations, so more than a training batch."""
    if device.type != "cuda":
        return max(batch_size, CPU_BATCH)
    # Larger images take more memory each: the number of pixels stays below that of GPU_BATCH small images.
    return max(batch_size, CPU_BATCH, min(GPU_BATCH, GPU_BATCH * GPU_BATCH_SIZE**2 // size**2))


class Counts(NamedTuple):
    """What an evaluation counts, on the device."""

    right: Tensor  # [C] int64, images of each class whose first guess is right
    images: Tensor  # [C] int64, images of each class
    top5: Tensor  # int64, images whose class is among the first five guesses
    embeddings: Tensor  # [C, D], summed over each class
    guesses: Tensor  # [M] int64, the first guess of every test image
    labels: Tensor  # [M] int64, their classes


def evaluate(
    network: nn.Module,
    data: Tested,
    batch_size: int,
    runtime: Runtime,
    watch: Watch,
    passes: Passes = undivided,
    label: str = "test",
) -> Evaluation:
    """One pass over the images, counted on the device and read once."""
    counts = counted(network, data, batch_size, runtime, watch, passes, label)
    right, images = torch.stack([counts.right, counts.images]).tolist()
    return Evaluation(
        top1=100 * sum(right) / data.test_count,
        top5=100 * float(counts.top5) / data.test_count,
        top1_by_class=[100 * some / count if count else None for some, count in zip(right, images, strict=True)],
        centres=counts.embeddings / counts.images[:, None],
        guesses=counts.guesses,
        labels=counts.labels,
    )


@torch.no_grad()
def counted(
    network: nn.Module,
    data: Tested,
    batch_size: int,
    runtime: Runtime,
    watch: Watch,
    passes: Passes = undivided,
    label: str = "test",
) -> Counts:
    """The pass itself, which never waits for the device."""
    was_training = network.training
    network.eval()
    batch_size = evaluation_batch(batch_size, data.size, runtime.place())
    classes = len(data.classes)
    right, images_of = torch.zeros(2, classes, dtype=torch.int64, device=runtime.place()).unbind()
    top5 = torch.zeros((), dtype=torch.int64, device=runtime.place())
    embeddings: Tensor | None = None
    guesses: list[Tensor] = []
    classes_of: list[Tensor] = []
    batches = -(-data.test_count // batch_size)
    for images, labels in watch(data.test_batches(batch_size), label, batches):
        if passes is undivided:  # else several processes have to end together, which they do after the next step
            stopping.check()
        with runtime.autocast():
            output = passes(network, runtime.batch_layout(images))
        guessed = output.logits.topk(min(5, output.logits.shape[1]), dim=1).indices
        guesses.append(guessed[:, 0])
        classes_of.append(labels)
        top = guessed == labels[:, None]
        top5 += top.sum()
        right.index_add_(0, labels, top[:, 0].long())
        images_of.index_add_(0, labels, torch.ones_like(labels))
        embedding = output.embedding.float()
        summed = embedding.new_zeros(classes, embedding.shape[1]).index_add_(0, labels, embedding)
        embeddings = summed if embeddings is None else embeddings + summed
    network.train(was_training)
    assert embeddings is not None, "every data set has test images"
    return Counts(right, images_of, top5, embeddings, torch.cat(guesses), torch.cat(classes_of))
