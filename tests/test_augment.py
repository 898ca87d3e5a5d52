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
from pictures import loaded, paint_imagenet, same
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional

from unix_exp import config
from unix_exp.data.augment.augmentation import Augmentation, Cut
from unix_exp.data.augment.choice import chosen
from unix_exp.data.augment.magnitudes import BINS, MILD, WIDE, Most, amounts, table_of
from unix_exp.data.augment.moving import FIRST, MOVES
from unix_exp.data.augment.operations import NAMES, operated
from unix_exp.data.resident import Images, Resident, generator_beside
from unix_exp.data.shapes import Shapes
from unix_exp.engine.loop import train
from unix_exp.registry import augmentations, datasets
from unix_exp.types import Batch, Mistake, View

ALL = augmentations.names()
SPACES: dict[str, tuple[Any, Most]] = {
    "randaugment": (v2.RandAugment(), MILD), "trivialaugment": (v2.TrivialAugmentWide(), WIDE),
}  # fmt: skip
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


def soft(count: int, side: int) -> Tensor:
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(count))
    return (torch.nn.functional.interpolate(coarse, side, mode="bicubic").clamp(0, 1) * 255).byte()


def pixels_of(images: Tensor) -> Tensor:
    """As they were before they were normalised, by nothing here."""
    whole = images * 255
    assert bool((whole - whole.round()).abs().max() < 1e-3) and whole.min() >= 0 and whole.max() <= 255.001
    return whole.round().byte()


@pytest.mark.parametrize("side", [16, 31])
@pytest.mark.parametrize("name", SPACES)
def test_an_operation_is_torchvisions(name: str, side: int) -> None:
    """In every bin: the same pixels, but for roundings where two are equally near or a value is nearly whole."""
    reference, most = SPACES[name]
    images = soft(3, side)
    table, signed = table_of(most, side)
    assert [one.lower() for one in reference._AUGMENTATION_SPACE] == [one.replace("_", "") for one in NAMES]
    for kind, (known, (magnitudes, both)) in enumerate(reference._AUGMENTATION_SPACE.items()):
        assert bool(signed[kind]) == both
        for place in range(BINS) if (there := magnitudes(BINS, side, side)) is not None else (0,):
            for sign in (1, -1) if both else (1,):
                magnitude = 0.0 if there is None else sign * float(there[place])
                expected = reference._apply_image_or_video_transform(
                    images, known, magnitude, interpolation=InterpolationMode.NEAREST, fill=reference._fill
                )
                drawn = torch.tensor([[[kind, sign * float(table[kind, place])]]], dtype=torch.float64)
                found = operated(images, drawn.expand(3, 1, 2))
                assert found.dtype == torch.uint8 and found.shape == images.shape
                off = (found.int() - expected.int()).abs()
                moves = FIRST <= kind < FIRST + len(MOVES)
                assert (off > 0).float().mean() <= (0.05 if moves else 0.15), (known, place, sign)
                assert moves or off.max() <= 1, (known, place, sign)


@pytest.mark.parametrize("name", SPACES)
def test_an_image_is_changed_alike_in_any_batch(name: str) -> None:
    images = soft(64, 16)
    for seed in range(3):
        drawn = chosen(name).draw(64, 16, torch.Generator().manual_seed(seed))
        assert drawn is not None
        together = chosen(name).change(images, drawn)
        alone = [chosen(name).change(images[[row]], drawn[[row]]) for row in range(64)]
        assert torch.equal(together, torch.cat(alone))
        assert not torch.equal(together, images)


@pytest.mark.parametrize("most", [MILD, WIDE])
def test_a_magnitude_of_nothing_changes_nothing(most: Most) -> None:
    """But for white, which torchvision's weakest solarising inverts, and operations that have no magnitude."""
    images = soft(4, 16).clamp(max=254)
    for kind, name in enumerate(NAMES):
        if name not in ("autocontrast", "equalize"):
            kinds = torch.full((4, 1), kind)
            drawn = amounts(most, kinds, torch.zeros_like(kinds), 16, torch.Generator().manual_seed(kind))
            assert torch.equal(operated(images, drawn), images), name


def test_what_is_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    one = chosen("trivialaugment").draw(4000, 32, generator)
    two = chosen("randaugment").draw(4000, 32, generator)
    three = chosen({"name": "randaugment", "ops": 3, "magnitude": 30}).draw(4000, 32, generator)
    assert one is not None and two is not None and three is not None
    assert [drawn.shape[1] for drawn in (one, two, three)] == [1, 2, 3]
    turn = NAMES.index("rotate")
    for drawn in (one, two, three):
        counts = torch.bincount(drawn[:, :, 0].long().flatten(), minlength=len(NAMES))
        assert (counts / counts.sum() - 1 / 14).abs().max() < 0.02, "each as often"
    angles = [drawn[:, :, 1][drawn[:, :, 0] == turn] for drawn in (one, two, three)]
    assert len(angles[0].abs().unique()) == BINS and float(angles[0].max()) == 135
    for found, angle in ((angles[1], 9.0), (angles[2], 30.0)):
        assert torch.equal(found.abs().unique(), torch.tensor([angle], dtype=torch.float64))
        assert 0.4 < (found > 0).double().mean() < 0.6


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
    whole = list(data.train_batches(5, 7))
    torch.manual_seed(99)
    assert same(iter(whole), data.train_batches(5, 7)) and not same(iter(whole), data.train_batches(5, 8))
    assert same(iter(whole[2:]), data.train_batches(5, 7, first=2)), "a run that goes on sees the same"
    for batch in whole:
        assert batch.images.shape == (5, 3, 16, 16) and batch.images.dtype == torch.float32
        pixels_of(batch.images)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)


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


@every_name
def test_nothing_is_read_from_the_device(name: str) -> None:
    """On the meta device there are no values: whatever decides anything was drawn on the CPU."""
    augmentation, images = chosen(name), soft(64, 16).to("meta")
    drawn = augmentation.draw(64, 16, torch.Generator().manual_seed(0))
    if drawn is not None:
        assert drawn.device.type == "cpu"
        changed = augmentation.change(images, drawn)
        assert changed.is_meta and changed.shape == images.shape and changed.dtype == torch.uint8


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


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_imagenet(tmp_path_factory.mktemp("files"), train=3, test=1)


def stream(files: Path, **settings: Any) -> Any:
    return loaded(datasets.make("imagenet", {"path": str(files), "size": 32, "workers": 0, **settings}))


@every_name
def test_files_are_shown_in_every_way_too(files: Path, name: str) -> None:
    data = stream(files, augment=name)
    in_order = torch.cat(list(data.view_batches(4, View(seed=7))))
    assert in_order.shape == (6, 3, 32, 32) and in_order.isfinite().all()
    for seed in (1, 2):
        for batch in data.train_batches(3, seed, view=View(seed=7)):
            assert torch.equal(batch.images, in_order[batch.index])
    epoch = list(data.train_batches(2, 5))
    assert same(iter(epoch[1:]), data.train_batches(2, 5, first=1))
    assert torch.equal(in_order, torch.cat(list(data.view_batches(6, View(seed=8))))) == (name == "none")


def test_a_file_is_cut_and_changed_by_its_seed_and_number_alone(files: Path) -> None:
    """What the reader did before augmentations had names, and then the operations of one image."""
    before = torch.get_rng_state()
    for name, operations in ((True, None), ("random-resized-crop", None), ("trivialaugment", chosen("trivialaugment"))):
        data = stream(files, augment=name)
        batch = next(data.train_batches(6, 5))
        reader = data.reader(data.train, None, 5)
        for image, number in zip(batch.images, batch.index.tolist(), strict=True):
            with torch.random.fork_rng():
                torch.manual_seed(int.from_bytes(hashlib.sha256(f"5 {number}".encode()).digest()[:4], "little"))
                cut = v2.Compose([v2.RandomResizedCrop(32), v2.RandomHorizontalFlip()])(reader.opened(number))
                expected = functional.pil_to_tensor(cut)[None]
                if operations is not None:
                    drawn = operations.draw(1, 32, torch.default_generator)
                    expected = operations.change(expected, drawn)  # type: ignore[arg-type]
            assert torch.equal(data.normalise(expected.permute(0, 2, 3, 1))[0], image)
    assert torch.equal(before, torch.get_rng_state())


def test_workers_change_files_as_the_program_does(files: Path) -> None:
    alone, with_workers = (stream(files, augment="randaugment", workers=workers) for workers in (0, 2))
    assert same(alone.train_batches(3, 1), with_workers.train_batches(3, 1))


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
def test_a_mistake_is_one_line(setting: Any, message: str, files: Path) -> None:
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
