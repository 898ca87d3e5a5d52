"""Images on the device: varied as asked, the same for the same seed, each once an epoch."""

from __future__ import annotations

import pytest
import torch
from pictures import same
from torch import Tensor

from unix_exp.data.resident import Images, Resident
from unix_exp.types import Batch, Mistake


class Noise(Resident):
    """Thirty images of noise, no two alike, at the scale in which they are stored."""

    classes, size, train_count, test_count = ("this", "that"), 16, 30, 7
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def __init__(self, augment: bool = True, flip: bool = True) -> None:
        self.augment, self.flip = augment, flip
        self.load("cpu")

    def read(self, watch: object = None) -> tuple[Images, Images]:
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(1, 256, (37, 16, 16, 3), dtype=torch.uint8, generator=generator)
        labels = torch.arange(37) % 2
        return Images(pixels[:30], labels[:30]), Images(pixels[30:], labels[30:])

    def image(self, place: int) -> Tensor:
        return self.read()[0].pixels[place].permute(2, 0, 1) / 255


def test_every_training_image_is_a_shifted_perhaps_mirrored_original() -> None:
    data, seen = Noise(), set()
    for seed in range(4):
        for batch in data.train_batches(6, seed):
            for crop, place in zip(batch.images, batch.index.tolist(), strict=True):
                padded = torch.nn.functional.pad(data.image(place), [data.margin] * 4)
                shifted = padded.unfold(1, 16, 1).unfold(2, 16, 1).permute(1, 2, 0, 3, 4)  # [5, 5, 3, 16, 16]
                variants = torch.stack([shifted, shifted.flip(-1)])
                (found,) = ((variants - crop).abs().amax((3, 4, 5)) < 1e-6).nonzero().tolist()
                seen.add(tuple(found))
    mirrored, down, right = (set(values) for values in zip(*seen, strict=True))
    assert down == right == set(range(5)), "every shift occurs"
    assert mirrored == {False, True}


def test_without_augmentation_images_stay_as_they_are() -> None:
    data = Noise(augment=False)
    for batch in data.train_batches(10, 0):
        for image, place in zip(batch.images, batch.index.tolist(), strict=True):
            assert torch.allclose(image, data.image(place), atol=1e-6)


def test_without_flip_no_image_is_mirrored() -> None:
    data = Noise(flip=False)
    for batch in data.train_batches(10, 0):
        for crop, place in zip(batch.images, batch.index.tolist(), strict=True):
            windows = torch.nn.functional.pad(data.image(place), [2] * 4).unfold(1, 16, 1).unfold(2, 16, 1)
            assert (windows - crop[:, None, None]).abs().amax((0, 3, 4)).min() < 1e-6


def test_an_epoch_is_a_permutation_with_the_tail_left_out() -> None:
    batches = list(Noise().train_batches(8, 3))
    assert [len(batch.index) for batch in batches] == [8, 8, 8]
    assert len(torch.cat([batch.index for batch in batches]).unique()) == 24
    whole = torch.cat([batch.index for batch in Noise().train_batches(10, 3)])
    assert sorted(whole.tolist()) == list(range(30)) != whole.tolist()


def test_an_epoch_is_a_function_of_its_seed_alone() -> None:
    data = Noise()
    first = list(data.train_batches(8, 5))
    torch.manual_seed(99)
    assert same(first, data.train_batches(8, 5))
    assert not same(first, data.train_batches(8, 6))


def test_an_epoch_leaves_the_programs_generator_alone() -> None:
    before = torch.get_rng_state()
    list(Noise().train_batches(8, 5))
    assert torch.equal(before, torch.get_rng_state())


def test_targets_are_the_labels_of_the_index() -> None:
    for batch in Noise().train_batches(8, 0):
        assert isinstance(batch, Batch) and batch.targets.shape == (8, 2) and batch.targets.dtype == torch.float32
        assert torch.equal(batch.targets.argmax(1), batch.index % 2) and batch.targets.sum() == 8


def test_test_batches_hold_every_image_once_in_order() -> None:
    data = Noise()
    images, labels = map(torch.cat, zip(*data.test_batches(3), strict=True))
    expected = data.read()[1]
    assert torch.allclose(images, expected.pixels.permute(0, 3, 1, 2) / 255, atol=1e-6)
    assert torch.equal(labels, expected.labels)


def test_images_come_in_the_layout_that_convolutions_want() -> None:
    assert next(Noise().train_batches(8, 0)).images.is_contiguous(memory_format=torch.channels_last)


def test_a_batch_larger_than_the_set_is_refused_at_once() -> None:
    with pytest.raises(Mistake, match="batch is 31; choose 30 or less"):
        Noise().train_batches(31, 0)
