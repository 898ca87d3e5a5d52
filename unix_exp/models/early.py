"""A network that is only asked, and stops after one of its stages: it answers for less compute, and less well."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.types import Mistake, Output

MOST = 2048  # values that the classifier reads; more would take longer to fit than they are worth
GRIDS = (4, 2, 1)  # how finely the maps are averaged, at most: the finest that leaves no more values than that


class EarlyExit(nn.Module):
    """The first stages of a network, and one linear layer that reads their last maps."""

    def __init__(self, network: nn.Module, stage: int, size: int, role: str) -> None:
        super().__init__()
        whole = seen_once(network, size, role)
        if stage >= (stages := len(whole.stages)):
            raise Mistake(
                f"{role}.exit is {stage}, but its network has {stages} stages; choose a number from 1 to {stages - 1}, "
                "or leave it out for the whole network"
            )
        self.network = network
        self.stage = stage
        maps = whole.stages[stage - 1]
        self.side = next(grid for grid in GRIDS if grid == 1 or fits(maps, grid))
        self.classifier = of_zeros(maps.shape[1] * self.side**2, whole.logits.shape[1], maps)
        self.train(network.training)

    def forward(self, images: Tensor) -> Output:
        maps = first_maps(self.network, images, 1 + self.stage)
        embedding = self.read(maps[-1])
        return Output(self.classify(embedding), (*maps, embedding), embedding)

    def read(self, maps: Tensor) -> Tensor:
        """[N, D, H, W] -> [N, D side^2]"""
        return F.adaptive_avg_pool2d(maps, self.side).flatten(1)

    def classify(self, embedding: Tensor) -> Tensor:
        logits: Tensor = self.classifier(embedding)
        return logits


def of_zeros(entering: int, leaving: int, like: Tensor) -> nn.Linear:
    """A layer that is about to be filled: nothing is drawn, so the run's random numbers stay the same."""
    layer = nn.utils.skip_init(nn.Linear, entering, leaving, device=like.device, dtype=like.dtype)
    assert isinstance(layer, nn.Linear)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def fits(maps: Tensor, grid: int) -> bool:
    return maps.shape[1] * grid**2 <= MOST and min(maps.shape[2:]) >= grid


def first_maps(network: nn.Module, images: Tensor, count: int) -> tuple[Tensor, ...]:
    """A network's first maps of images that are brought to what it wants as in every call: by its hooks."""
    for hook in network._forward_pre_hooks.values():
        given = hook(network, (images,))
        if given is not None:
            images = given[0] if isinstance(given, tuple) else given
    maps: tuple[Tensor, ...] = network.first_maps(images, count)  # type: ignore[operator]
    return maps


@torch.no_grad()
def seen_once(network: nn.Module, size: int, role: str) -> Output:
    """What a whole network says of an image; refused where it cannot stop on the way."""
    weight, training = next(network.parameters()), network.training
    images = torch.zeros(1, 3, size, size, device=weight.device, dtype=weight.dtype)
    output: Output = network.eval()(images)
    if len(output.stages) < 2 or any(maps.dim() != 4 for maps in output.stages):
        raise Mistake(f"{role}.exit needs a network with feature maps of several stages; leave it out")
    try:
        first_maps(network, images, 2)
    except (AttributeError, NotImplementedError):
        raise Mistake(
            f"{role}.exit needs a network that can stop after a stage, and this one, a {type(network).__name__}, "
            "cannot; give it a method first_maps(images, count) -> maps, or choose another network"
        ) from None
    network.train(training)
    return output
