"""The embedded shapes are the same on every machine and in no half twice."""

from __future__ import annotations

import pytest
import torch
from pictures import loaded

from unix_exp.data.shapes import Shapes
from unix_exp.types import Mistake


def test_shapes_are_the_same_for_the_same_seed_and_balanced() -> None:
    data, again, other = (loaded(Shapes(240, 60, seed)) for seed in (1, 1, 2))
    assert torch.equal(data.train_pixels, again.train_pixels) and torch.equal(data.test_pixels, again.test_pixels)
    assert data.fingerprint() == again.fingerprint() != other.fingerprint()
    assert not torch.equal(data.train_pixels, other.train_pixels)
    assert data.train_labels.bincount().tolist() == [10] * len(data.classes)


def test_no_shape_is_in_both_halves() -> None:
    train, test = Shapes(240, 240, 0).read()
    assert not {image.numpy().tobytes() for image in train.pixels} & {image.numpy().tobytes() for image in test.pixels}


def test_drawing_leaves_generator_and_threads_as_they_were() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    Shapes(24, 24).read()
    assert torch.equal(state, torch.get_rng_state()) and threads == torch.get_num_threads()


def test_too_few_shapes_are_refused() -> None:
    with pytest.raises(Mistake, match="dataset.test_count is 3; choose 24 or more"):
        Shapes(test_count=3)
