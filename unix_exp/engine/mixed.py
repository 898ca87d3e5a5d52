"""Mixed images as a method trains on them, from one batch that is made once more when the training is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from unix_exp.engine.epoch import epoch_seed, rest
from unix_exp.engine.randomness import set_seed
from unix_exp.engine.recording import unchanged
from unix_exp.types import Batch

if TYPE_CHECKING:
    from unix_exp.engine.loop import Training

LEAST = 0.001  # of an image's target; less is rounding


class Mixed(NamedTuple):
    """Images of two sources each, by the second one's share: from the least mixed to the most."""

    images: Tensor  # [N, 3, H, W], normalised
    classes: Tensor  # [N, 2] int64; the first is that of the image which carries the index
    shares: Tensor  # [N, 2]


@torch.no_grad()
def mixed_of(run: Training, most: int) -> Mixed | None:
    """Out of the first batch of the last epoch; None where the method mixes none.

    Several processes call it together. It leaves no trace: what the sampler's look moves is set back.
    """
    method, epoch, runtime = run.method, run.epochs - 1, run.runtime
    seed = epoch_seed(run.seed, epoch)
    run.clock.set(epoch)
    method.train()
    moved = [buffer for buffer in method.buffers() if not buffer.is_inference()]
    with unchanged(moved, runtime.place()):
        set_seed(seed + 1)
        given = next(iter(rest(run.data, run.stages[-1].recipe.batch, seed, None, run.views(epoch), 0)))
        given = given._replace(images=runtime.batch_layout(given.images))
        with runtime.autocast():
            made = method.sampler(given, method.look)
        return spread(of_two(given, made), most)


def of_two(given: Batch, made: Batch) -> Mixed:
    """The images whose targets say that they are of two classes; two of one class look like one in the targets.

    What was mixed into what is in no batch, so any sampler's images are recognised, whichever way it mixes them.
    """
    row = (given.index[None] == made.index[:, None]).int().argmax(dim=1)  # where each image was
    own = given.targets[row].argmax(dim=1, keepdim=True)
    targets = made.targets.float()
    share, other = targets.scatter(1, own, 0.0).max(dim=1, keepdim=True)
    shares = torch.cat([targets.gather(1, own), share], dim=1)
    two = (shares.sum(dim=1) > 1 - LEAST) & (share[:, 0] > LEAST)  # smoothed targets are of many classes
    return Mixed(made.images[two], torch.cat([own, other], dim=1)[two], shares[two])


def spread(mixed: Mixed, most: int) -> Mixed | None:
    """A few that show the whole range of shares."""
    rising = mixed.shares[:, 1].argsort(stable=True)
    if not len(rising):
        return None
    evenly = torch.linspace(0, len(rising) - 1, min(most, len(rising)), device=rising.device)
    chosen = rising[evenly.round().long()]
    return Mixed(*(one[chosen].cpu() for one in mixed))
