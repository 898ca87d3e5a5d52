"""Augmentations by name: what each does to a batch on the device is what is done to one image, and comes again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from assembled import Case, training
from own import trained
from pictures import loaded, paint_imagenet, same, soft
from plugged import forgotten_afterwards
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from unix_exp import config
from unix_exp.config import plugins
from unix_exp.data.augment.augmentation import Augmentation, Cut
from unix_exp.data.augment.choice import chosen
from unix_exp.data.resident import Images, Resident
from unix_exp.data.shapes import Shapes
from unix_exp.data.showing import generator_beside
from unix_exp.engine.loop import train
from unix_exp.registry import augmentations, datasets
from unix_exp.types import Batch, Mistake, View

ALL = augmentations.names()
every_name = pytest.mark.parametrize("name", ALL)


class Pictures(Resident):
    """Twenty-four soft images with a few hard edges, as they are stored."""

    classes, size, train_count, test_count = ("this", "that"), 16, 24, 2
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

    def __init__(self, augment: Any = True, flip: bool = True) -> None:
        self.augment, self.flip = augment, flip
        self.load("cpu")

    def read(self, watch: object = None) -> tuple[Images, Images]:
        pixels = soft(26, 16).permute(0, 2, 3, 1).contiguous()
        return Images(pixels[:24], torch.arange(24) % 2), Images(pixels[24:], torch.arange(2))


def pixels_of(images: Tensor) -> Tensor:
    """As they were before they were normalised, by nothing here."""
    whole = images * 255
    assert bool((whole - whole.round()).abs().max() < 1e-3) and whole.min() >= 0 and whole.max() <= 255.001
    return whole.round().byte()


def test_a_resized_crop_is_torchvisions() -> None:
    data = Pictures("random-resized-crop")
    stored = data.read()[0].pixels.permute(0, 3, 1, 2)
    drawn = data.drawn(torch.Generator().manual_seed(1))
    found = pixels_of(data.gathered(drawn, slice(0, 24)).images)
    assert drawn.extent is not None and drawn.mirrored.any() and not drawn.mirrored.all()
    for row, place in enumerate(drawn.order.tolist()):
        top, left = int(drawn.down[row]), int(drawn.right[row])
        height, width = drawn.extent[row].tolist()
        expected = functional.resized_crop(stored[place], top, left, height, width, [16, 16], antialias=True)
        if drawn.mirrored[row]:
            expected = functional.horizontal_flip(expected)
        assert (found[row].int() - expected.int()).abs().max() <= 1


def test_parts_are_drawn_as_torchvision_draws_them() -> None:
    torch.manual_seed(0)
    crop, image = v2.RandomResizedCrop(32), torch.zeros(3, 32, 32)
    theirs = torch.tensor([list(crop.make_params([image]).values()) for _ in range(2000)]).double()
    drawn = Shapes(augment="random-resized-crop", train_count=2000, test_count=24)
    drawn.train_pixels = torch.zeros(1)  # none are needed
    shown = drawn.cropped(torch.arange(2000), torch.Generator().manual_seed(0))
    assert shown.extent is not None
    ours = torch.cat([shown.down, shown.right, shown.extent], dim=1).double()
    assert (ours.mean(0) - theirs.mean(0)).abs().max() < 0.6 and (ours.std(0) - theirs.std(0)).abs().max() < 0.6
    area = ours[:, 2] * ours[:, 3] / 1024
    assert 0.06 < area.min() < 0.12 and area.max() > 0.95
    assert ((ours[:, :2] >= 0) & (ours[:, :2] + ours[:, 2:] <= 32)).all()


@every_name
def test_an_epoch_is_a_function_of_its_seed_whatever_came_before(name: str) -> None:
    data = Pictures(name)
    torch.manual_seed(98)
    whole = list(data.train_batches(5, 7))
    torch.manual_seed(99)
    assert same(iter(whole), data.train_batches(5, 7)) and not same(iter(whole), data.train_batches(5, 8))
    assert same(iter(whole[2:]), data.train_batches(5, 7, first=2)), "a run that goes on sees the same"
    for batch in whole:
        assert batch.images.shape == (5, 3, 16, 16) and batch.images.dtype == torch.float32
        pixels_of(batch.images)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
    drawn, other = (data.drawn(torch.Generator().manual_seed(seed)) for seed in (7, 8))
    for row, image in enumerate(torch.cat([batch.images for batch in whole])):
        assert torch.equal(image, data.gathered(drawn, slice(row, row + 1)).images[0]), "alone as in a batch"
    assert drawn.change is None or other.change is None or not torch.equal(drawn.change, other.change)


@every_name
def test_a_view_comes_again_whatever_the_order(name: str) -> None:
    data, view = Pictures(name), View(seed=7)
    shown = torch.cat(list(data.view_batches(7, view)))
    for seed in (1, 2):
        for batch in data.train_batches(5, seed, view=view):
            assert torch.equal(batch.images, shown[batch.index])
    some = torch.tensor([3, 11, 17, 20])
    (chosen_alone,) = data.train_batches(4, 3, only=some, view=view)
    assert torch.equal(chosen_alone.images, shown[chosen_alone.index])
    other = torch.cat(list(data.view_batches(24, View(seed=8))))
    assert torch.equal(shown, other) == (chosen(name).cut is Cut.WHOLE)


@every_name
def test_only_few_ways_are_numbered(name: str) -> None:
    data = Pictures(name)
    countable = chosen(name).cut in (Cut.WHOLE, Cut.SHIFTED)
    assert (data.crops is not None) == countable
    if countable:
        assert len(list(data.view_batches(24, View(crop=0)))) == 1
        return
    for show in (lambda: data.view_batches(24, View(crop=0)), lambda: data.train_batches(5, 0, view=View())):
        with pytest.raises(Mistake, match="too many ways to number each; give answers.views=N"):
            list(show())


@pytest.mark.parametrize("name", [name for name in ALL if chosen(name).cut is not Cut.WHOLE])
def test_jitter_moves_an_image_within_what_there_is(name: str) -> None:
    data, view = Pictures(name, flip=False), View(seed=7, jitter=1)
    still, moved = (data.drawn(torch.Generator().manual_seed(3), view=one) for one in (View(seed=7), view))
    assert torch.equal(still.order, moved.order) and not torch.equal(still.down, moved.down)
    assert (still.down - moved.down).abs().max() == 1 == (still.right - moved.right).abs().max()
    if moved.extent is not None:
        assert (torch.cat([moved.down, moved.right], 1) + moved.extent).max() <= 16
    assert (still.change is None) == (moved.change is None)
    assert still.change is None or moved.change is None or torch.equal(still.change, moved.change)
    for batch in data.train_batches(5, 3, view=view):
        pixels_of(batch.images)


GOLDEN = {
    True: ("3f793462846d5a6e", "367ac3dd306c0aa8", "f77791b9f086e8e5"),
    False: ("c292587b69564744", "9a6464bfeb839332", "c292587b69564744"),
}


def digest(batches: Iterator[Any]) -> str:
    found = hashlib.sha256()
    for batch in batches:
        images = batch.images if isinstance(batch, Batch) else batch
        found.update(((images * 0.25 + 0.5) * 255).round().byte().numpy().tobytes())
        found.update(batch.index.numpy().tobytes() if isinstance(batch, Batch) else b"")
    return found.hexdigest()[:16]


@pytest.mark.parametrize("augment", [True, False])
def test_what_had_no_name_is_what_it_was(augment: bool) -> None:
    """Results of runs that were made before augmentations had names can be repeated."""
    for setting in (augment, "crop-flip" if augment else "none"):
        data = loaded(Shapes(train_count=48, test_count=24, augment=setting))
        epochs = (
            data.train_batches(8, 5), data.view_batches(8, View(seed=3)),
            data.train_batches(8, 5, view=View(seed=3, jitter=1)),
        )  # fmt: skip
        assert tuple(map(digest, epochs)) == GOLDEN[augment]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("trivalaugment", "no augmentation 'trivalaugment' is registered; did you mean 'trivialaugment'"),
        ({"name": "randaugment", "op": 1}, "dataset.augment 'randaugment' has no setting 'op'; did you mean 'ops'"),
        ({"name": "randaugment", "magnitude": 31}, "dataset.augment.magnitude is 31; choose 0 to 30"),
        ({"ops": 1}, "dataset.augment is {'ops': 1}; give it a name"),
        (3, "dataset.augment is 3; it must be true or false or text or names with values"),
    ],
)
def test_a_mistake_is_one_line(setting: Any, message: str, tmp_path: Path) -> None:
    files = paint_imagenet(tmp_path, train=1, test=1)
    for name, settings in (("shapes", {}), ("imagenet", {"path": str(files)})):
        with pytest.raises(Mistake) as refused:
            datasets.make(name, {**settings, "augment": setting})
        assert message in str(refused.value) and "\n" not in str(refused.value)


def test_a_setting_identifies_a_run_by_what_it_does() -> None:
    def of(augment: Any) -> Any:
        return config.what_determines(
            {key: {} for key in ("student", "distiller", "sampler", "criterion", "recipe")}
            | {"dataset": {"name": "shapes", "augment": augment}, "seed": 0}, "", None,
        )["dataset"]["augment"]  # fmt: skip

    assert of(True) is True and of(False) is False and of("none") is False and of({"name": "none"}) is False
    assert of("randaugment") == of({"name": "randaugment"}) == of({"name": "randaugment", "ops": 2}) == "randaugment"
    assert of({"name": "randaugment", "ops": 3, "magnitude": 9.0}) == {"name": "randaugment", "ops": 3}
    assert of("a data set's own") == "a data set's own"


def test_one_of_somebody_elses_needs_two_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dimmed(Augmentation):
        def __init__(self, most: float = 0.5) -> None:
            self.most = most

        def draw(self, count: int, side: int, generator: torch.Generator) -> Tensor:
            return self.most * torch.rand(count, generator=generator)

        def change(self, images: Tensor, drawn: Tensor) -> Tensor:
            return (images * (1 - drawn.to(images.device)).view(-1, 1, 1, 1)).byte()

    monkeypatch.setitem(augmentations.constructors, "dimmed", Dimmed)
    data = Pictures({"name": "dimmed", "most": 0.25})
    drawn = data.drawn(torch.Generator().manual_seed(1))
    plain = data.gathered(drawn._replace(change=None), slice(0, 24)).images
    dimmed = data.gathered(drawn, slice(0, 24)).images
    assert ((dimmed <= plain) & (dimmed >= 0.75 * plain - 1 / 255)).all() and not torch.equal(dimmed, plain)
    assert generator_beside(torch.Generator().manual_seed(1)).initial_seed() != 1


DIM = """
from unix_exp.data.augment.augmentation import Augmentation
from unix_exp.registry import augmentations


@augmentations.register("dim")
class Dim(Augmentation):
    pass
"""


def test_code_of_somebody_elses_is_part_of_what_identifies_a_run(tmp_path: Path) -> None:
    (tmp_path / "dim.py").write_text(DIM)
    with forgotten_afterwards():
        (plugin,) = plugins.load(str(tmp_path / "dim.py"))
        for setting in ("dim", {"name": "dim"}):
            assert plugins.used({"dataset": {"name": "shapes", "augment": setting}}) == {"dim": plugin.content}
        for setting in (True, "crop-flip", None):
            assert plugins.used({"dataset": {"name": "shapes", "augment": setting}}) == {}


@every_name
def test_a_network_trains_with_each(name: str) -> None:
    run = training(Case("supervised", "everything", ("ce",)))
    run.data.augment = name  # type: ignore[attr-defined]
    run.data.load("cpu")
    (*_, last) = train(run)
    assert math.isfinite(last.values["train/loss"]) and last.epoch == 2


def test_a_command_chooses_one_with_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (*_, last) = trained("experiment=scratch", "dataset.augment={name: randaugment, ops: 3}")
    assert math.isfinite(last.values["train/loss"])
    with pytest.raises(Mistake, match="cropped in too many ways; give answers.views=N"):
        trained("experiment=kd", "dataset.augment=trivialaugment", "answers=stored", "answers.views=all")
