"""What only a GPU can show of the data: no batch waits for the device."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from unix_exp.data.shapes import Shapes
from unix_exp.engine.recording import waiting_is_an_error
from unix_exp.registry import augmentations

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


@pytest.mark.parametrize("name", augmentations.names())
def test_no_augmentation_waits(name: str) -> None:
    drawn = Shapes(train_count=192, test_count=24, augment=name)
    drawn.load("cuda")
    for seed in (0, 1):  # the first allocates
        with waiting_is_an_error() if seed else nullcontext():
            batches = list(drawn.train_batches(16, seed))
    assert len(batches) == 12 and all(batch.images.isfinite().all() for batch in batches)
    assert all(batch.images.is_contiguous(memory_format=torch.channels_last) for batch in batches)
