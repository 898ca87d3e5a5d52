"""The loop that people usually write, which the framework is measured against.

PIL images, one at a time through torchvision's transforms; eager float32 in the default memory format; SGD with its
defaults; random numbers from NumPy; loss and accuracy read in every step. UNIX is done as published: the student scouts
the batch in train mode, images are ranked, all are mixed, and the first k are kept. Only the networks are shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from unix_exp import config
from unix_exp.bench.case import Case
from unix_exp.criteria.kd import KD
from unix_exp.registry import criteria, samplers
from unix_exp.samplers.everything import Everything
from unix_exp.samplers.unix import Unix


class Pictures(Dataset[tuple[Tensor, int]]):
    """A training set as torchvision's CIFAR: an array, from which a PIL image is made when one is read."""

    def __init__(self, pixels: npt.NDArray[np.uint8], labels: list[int], transform: Any) -> None:
        self.pixels, self.labels, self.transform = pixels, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.pixels[number])), self.labels[number]


class Meter:
    """A running mean."""

    def __init__(self) -> None:
        self.sum, self.count = 0.0, 0

    def update(self, value: float, count: int) -> None:
        self.sum += value * count
        self.count += count


def can_show(case: Case) -> bool:
    """Whether the loop does this: UNIX, or KD on the whole batch, and no other criterion, answer or augmentation."""
    settings = case.settings
    sampler, objective = samplers[settings["sampler"]["name"]], [criteria[name] for name in settings["criterion"]]
    plain = settings["distiller"]["name"] == case.conventional["distiller"]["name"]
    plain = plain and isinstance(settings["dataset"].get("augment", True), bool)
    return plain and not config.of_answers(settings) and sampler in (Unix, Everything) and objective == [KD]


class Plain:
    """Eager networks and a data loader; each call does one step."""

    def __init__(self, case: Case, student: nn.Module, teacher: nn.Module, workers: int = 0) -> None:
        self.device = case.runtime.place()
        self.student, self.teacher = student.to(self.device).train(), teacher.to(self.device).eval()
        recipe, (criterion,) = case.recipe, case.settings["criterion"].values()
        self.optimiser = torch.optim.SGD(
            self.student.parameters(),
            lr=recipe.lr,
            momentum=recipe.options.get("momentum", 0.9),
            weight_decay=recipe.weight_decay,
        )
        self.weight, self.tau = criterion.get("weight", 1.0), criterion["tau"]
        self.unix = None if case.is_conventional else case.settings["sampler"]
        self.k = case.cost.images.learned
        self.loader = DataLoader(pictures(case), recipe.batch, shuffle=True, drop_last=True, num_workers=workers)
        self.losses, self.top1, self.top5 = Meter(), Meter(), Meter()
        self.batches: Iterator[Any] = iter(())

    def __call__(self) -> None:
        images, labels = self.next_batch()
        loss, logits, labels = self.learn(images.to(self.device), labels.to(self.device))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.losses.update(loss.item(), len(labels))
        first, fifth = accuracy(logits, labels)
        self.top1.update(first, len(labels))
        self.top5.update(fifth, len(labels))

    def next_batch(self) -> Any:
        try:
            return next(self.batches)
        except StopIteration:
            self.batches = iter(self.loader)
            return next(self.batches)

    def learn(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.unix is not None:
            with torch.no_grad():
                scouted = self.student(images).logits
            lam = np.random.beta(self.unix["alpha"], self.unix["alpha"])
            partner = torch.from_numpy(np.random.permutation(len(images))).to(self.device)
            images, labels = mixed(images, labels, scouted, partner, lam, self.k, self.unix)
        logits = self.student(images).logits
        with torch.no_grad():
            target = self.teacher(images).logits
        soft, wanted = F.log_softmax(logits / self.tau, dim=1), F.softmax(target / self.tau, dim=1)
        loss = self.weight * self.tau**2 * F.kl_div(soft, wanted, reduction="batchmean")
        return loss, logits, labels

    def start(self) -> None:
        """Begin an epoch with its workers, and use up the batches that they load before the turn is timed."""
        self.batches = iter(self.loader)
        for _ in range(self.loader.num_workers * (self.loader.prefetch_factor or 0)):
            self()

    def stop(self) -> None:
        """End the workers, which would slow the other contestants."""
        self.batches = iter(())


def pictures(case: Case) -> Pictures:
    data, margin = case.data, case.data.margin
    inner = slice(margin, margin + data.size)  # what is in memory is padded already
    steps: list[Any] = [transforms.ToTensor(), transforms.Normalize(data.mean, data.std)]
    if data.augment:
        crop = [transforms.RandomCrop(data.size, padding=margin)]
        steps = [*crop, *([transforms.RandomHorizontalFlip()] if data.flip else []), *steps]
    return Pictures(
        data.train_pixels[:, inner, inner].cpu().numpy(), data.train_labels.tolist(), transforms.Compose(steps)
    )


def mixed(
    images: Tensor, labels: Tensor, logits: Tensor, partner: Tensor, lam: float, k: int, unix: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """The k least certain images and their labels; the surer the student is of an image, the more it is mixed."""
    size = len(images)
    order = torch.argsort(uncertainty(logits, unix["uncertainty"]), descending=True)
    middle = size / 2 if unix.get("b") is None else unix["b"]
    rank = torch.arange(size).float().to(images.device)
    share = lam * torch.sigmoid(unix["w"] * (rank - middle + 0.5) / size).view(-1, 1, 1, 1)
    both = (1 - share) * images[order] + share * images[partner]
    return both[:k], labels[order][:k]


def uncertainty(logits: Tensor, kind: str) -> Tensor:
    if kind == "entropy":
        logp = F.log_softmax(logits, dim=1)
        return -(logp.exp() * logp).sum(dim=1)
    p = F.softmax(logits, dim=1)
    if kind == "confidence":
        return -p.max(dim=1)[0]
    highest = p.topk(2, dim=1)[0]
    return highest[:, 1] - highest[:, 0]


def accuracy(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Per cent of the labels that are the first guess, and that are among the first five."""
    guesses = logits.topk(5, dim=1)[1]
    right = guesses.eq(labels.view(-1, 1))
    first, fifth = (right[:, :many].any(dim=1).float().mean().mul(100).item() for many in (1, 5))
    return first, fifth
