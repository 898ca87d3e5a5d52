"""Several processes that train every method together: python -m processes OUT, once for each rank."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import assembled
import torch
import torch.distributed as dist
from assembled import RECIPE, Case, LessNoise, Noise, once_each, training, trial_of, with_examples

from unix_exp.engine.loop import train
from unix_exp.engine.world import World, join
from unix_exp.recipe import Recipe
from unix_exp.run.trial import Trial

# As trained weights are trained: batch norms that have nothing to exchange, and an optimiser that counts its steps.
# Its eps is high, because a gradient of nothing but rounding would else be a whole step.
FINE_TUNED = Case("offline", "unix", ("kd", "ce"))
FINE_TUNING = RECIPE.but(optimiser="adamw", lr=0.001, eps=0.01, freeze_batch_norm=True)
SLOW = RECIPE.but(lr=0.01)  # differences of rounding grow less


def trained(case: Case, recipe: Recipe = SLOW) -> dict[str, Any]:
    """All that is left of a training, and what it logged."""
    run = training(case, recipe=recipe, images=LessNoise)
    records = [dict(record.values) for record in train(run)]
    return {"state": run.method.state(), "records": records, "steps": run.progress.steps}


def tried_by_the_first(case: Case, images: type[Noise]) -> Trial:
    """A trial takes as long as the training, and all find the same: of the first method, this is seen."""
    world = World.here()
    found = [trial_of(case, images) if world.leads or case == once_each()[0] else None]
    if found[0] is not None and not world.leads:
        own = found[0]
        dist.broadcast_object_list(found)
        assert (own.ledger, own.per_image, own.features) == (found[0].ledger, found[0].per_image, found[0].features)
    else:
        dist.broadcast_object_list(found)
    assert found[0] is not None
    return found[0]


def together(python: Path | str, count: int, *words: str) -> None:
    """Run this, or another module of the tests, in so many processes, as torchrun would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([str(python), "-m", *words], text=True, stderr=subprocess.PIPE,
                         env=os.environ | world | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(count)
    ]  # fmt: skip
    errors = [process.communicate(timeout=900)[1] for process in running]
    assert not any(process.returncode for process in running), "\n".join(errors)[-3000:]


def main() -> None:
    torch.set_num_threads(1)
    world = join(torch.device("cpu"))
    trial_of.cache_clear()  # what was found alone does not know what several processes exchange
    assembled.trial_of = cache(tried_by_the_first)  # type: ignore[assignment]
    with with_examples():
        done = {}
        for case in once_each():
            done[str(case)] = trained(case)
        done["fine-tuned"] = trained(FINE_TUNED, FINE_TUNING)
        if world.leads:
            torch.save(done, sys.argv[1])


if __name__ == "__main__":
    main()
