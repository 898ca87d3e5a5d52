"""An export beside the student that it was made of, on the same test images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unix_exp.deploy.images import BATCH, Images
from unix_exp.deploy.loaded import Loaded
from unix_exp.types import Mistake, Watch

# Largest difference of a logit, as a share of the student's largest. Rounding stays a thousandfold below the first.
# A file that scales images itself rounds few of their pixels to the next level, which networks answer to.
ALLOWED, ALLOWED_INSIDE = 1e-3, 0.03
LOST = 0.5  # points of accuracy that an export may lose without a remark


class Comparison(NamedTuple):
    images: int
    difference: float  # the largest of a logit, as a share of the student's largest
    agreement: float  # per cent of the images with the same first guess
    beyond_ties: int  # other first guesses where the student's own is not as good as a tie
    student: float  # accuracy in per cent
    export: float

    def refusal(self, allowed: float) -> str | None:
        """Why an export that promises to answer as the student does not."""
        if not self.difference <= allowed:  # NaN is a difference, too
            return f"a logit differs by {100 * self.difference:.2g} % of the largest (allowed: {100 * allowed:g} %)"
        if self.beyond_ties:
            return f"{self.beyond_ties} of {self.images} first guesses are others"
        return None

    def values(self) -> dict[str, Any]:
        return {
            "checked_on": self.images, "largest_difference": self.difference, "agreement": self.agreement,
            "student": self.student, "accuracy": self.export,
        }  # fmt: skip


def compare(student: Loaded, export: Loaded, images: Images, most: int | None, watch: Watch) -> Comparison:
    wanted, found, labels = (
        torch.cat(parts) for parts in zip(*answers(student, export, images, most, watch), strict=True)
    )
    if wanted.shape != found.shape:
        raise Mistake(f"{export.name} gives {list(found.shape)} logits and the student {list(wanted.shape)}")
    scale = wanted.abs().max().clamp_min(1e-12)
    first, theirs = wanted.argmax(1), found.argmax(1)
    ahead = wanted.gather(1, first[:, None]) - wanted.gather(1, theirs[:, None])
    allowed = ALLOWED_INSIDE if export.prepares else ALLOWED
    return Comparison(
        images=len(labels),
        difference=float((wanted - found).abs().max() / scale),
        agreement=100 * float((first == theirs).double().mean()),
        beyond_ties=int((ahead.flatten() > 2 * allowed * scale).sum()),
        student=100 * float((first == labels).double().mean()),
        export=100 * float((theirs == labels).double().mean()),
    )


def answers(
    student: Loaded, export: Loaded, images: Images, most: int | None, watch: Watch
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The logits of both and the labels, a batch at a time."""
    total = -(-len(images.rows(most)) // BATCH)
    originals = images.test_originals(most) if export.prepares else None
    batches: Iterable[Any] = images.test(most) if originals is None else originals
    for some, labels in watch(batches, f"checking {export.name}", total):
        if originals is not None:
            yield student.logits_of(some), export.logits_of(some), labels
        else:
            yield student.logits(some), export.logits(some), labels
