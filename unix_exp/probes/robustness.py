from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.probes.pictures import curves
from unix_exp.ranges import Count, Range, Seed
from unix_exp.registry import probes
from unix_exp.types import Dataset, Mistake

Level: TypeAlias = Annotated[float, Range(0, 255, above=True)]  # of a pixel
Levels: TypeAlias = Annotated[list[Level], "by how many of its 255 levels a pixel may change; each is measured"]


@probes.register("robustness")
class Robustness:
    """Top-1 in per cent on test images changed to raise the loss, no pixel by more than eps of its 255 levels.

    fgsm: one step of eps along the sign of the gradient (Goodfellow, Shlens and Szegedy 2015).

    pgd: several steps, each of 2.5 eps / steps if step is not set, from a random start (Madry et al. 2018).
    """

    def __init__(
        self,
        eps: Levels = [1.0, 2.0, 4.0, 8.0],  # noqa: B006
        steps: Annotated[int, Range(1, 10_000), "of pgd"] = 10,
        step: Annotated[Level | None, "how far each goes; null: 2.5 eps / steps"] = None,
        random_start: Annotated[bool, "pgd begins from a random change"] = True,
        seed: Annotated[Seed, "of the random start"] = 0,
        images: Annotated[Count | None, "how many test images, the first ones; null: all"] = None,
        batch: Annotated[Count, "images in a pass; changes no result"] = 250,
    ) -> None:
        if not eps:
            raise Mistake(f"probe.eps is {eps}; give numbers above 0 and up to 255, levels of a pixel")
        self.eps = [float(one) for one in eps]
        self.steps, self.step = steps, step  # null: 2.5 eps / steps, as Madry et al. do
        self.random_start, self.seed = random_start, seed
        self.images, self.batch = images, batch

    def __call__(self, networks: Mapping[str, nn.Module], data: Dataset) -> Mapping[str, Any]:
        network = networks["student"].requires_grad_(False)
        count = min(self.images or data.test_count, data.test_count)
        right = {"clean": 0.0, **{f"{how}_eps{eps:g}": 0.0 for eps in self.eps for how in ("fgsm", "pgd")}}
        for number, (pixels, labels, model) in enumerate(self.batches(network, data, count)):
            right["clean"] += hits(model, pixels, labels)
            randomness = torch.Generator(pixels.device).manual_seed(self.seed + number)
            for eps in self.eps:
                right[f"fgsm_eps{eps:g}"] += hits(model, fgsm(model, pixels, labels, eps), labels)
                start = pixels
                if self.random_start:
                    noise = torch.rand(pixels.shape, generator=randomness, device=pixels.device) * 2 - 1
                    start = (pixels + eps * noise).clamp(0, 255)
                size = self.step or 2.5 * eps / self.steps
                right[f"pgd_eps{eps:g}"] += hits(
                    model, pgd(model, pixels, labels, eps, size, self.steps, start), labels
                )
        found: dict[str, Any] = {name: 100 * value / count for name, value in right.items()}
        levels = [0.0, *self.eps]
        drawn = {
            how.upper(): (levels, [found["clean"], *(found[f"{how}_eps{eps:g}"] for eps in self.eps)])
            for how in ("fgsm", "pgd")
        }
        return {**found, "accuracy": curves("eps, levels of 255", "accuracy under attack, top-1 %", drawn)}

    def batches(
        self, network: nn.Module, data: Dataset, count: int
    ) -> Iterator[tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]]:
        """Test images as levels from 0 to 255, labels, and the network as a function of such levels."""
        missing = [name for name in ("mean", "std") if not hasattr(data, name)]
        if missing:
            raise Mistake(f"this data set has no {missing[0]} of its pixels, so eps cannot be in pixel levels")
        for images, labels in data.test_batches(self.batch):
            if count <= 0:
                return
            images, labels, count = images[:count], labels[:count], count - len(images)
            mean, std = (
                255 * torch.tensor(list(getattr(data, name)), device=images.device).view(1, 3, 1, 1)
                for name in ("mean", "std")
            )

            def model(pixels: Tensor, mean: Tensor = mean, std: Tensor = std) -> Tensor:
                logits: Tensor = network((pixels - mean) / std).logits
                return logits

            yield images * std + mean, labels, model


@torch.no_grad()
def hits(model: Callable[[Tensor], Tensor], pixels: Tensor, labels: Tensor) -> int:
    return int((model(pixels).argmax(dim=1) == labels).sum())


def fgsm(model: Callable[[Tensor], Tensor], pixels: Tensor, labels: Tensor, eps: float) -> Tensor:
    return pgd(model, pixels, labels, eps, size=eps, steps=1, start=pixels)


def pgd(
    model: Callable[[Tensor], Tensor],
    pixels: Tensor,
    labels: Tensor,
    eps: float,
    size: float,
    steps: int,
    start: Tensor,
) -> Tensor:
    """Steps up the loss; after each one back to within eps of the image, and to levels that a pixel can have."""
    low, high = (pixels - eps).clamp_min(0), (pixels + eps).clamp_max(255)
    changed = start
    for _ in range(steps):
        changed = changed.detach().requires_grad_()
        loss = F.cross_entropy(model(changed).float(), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, changed)
        changed = (changed.detach() + size * gradient.sign()).maximum(low).minimum(high)
    return changed.detach()
