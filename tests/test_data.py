"""Data sets give what they promise: the right images, varied as asked, the same for the same seed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image
from torch import Tensor

from unix_exp.data.resident import Images, Resident
from unix_exp.data.shapes import Shapes
from unix_exp.registry import datasets
from unix_exp.types import Batch, Dataset, Mistake

CONF = Path(__file__).parent.parent / "conf" / "dataset"


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


def paint(path: Path, shade: int, side: int = 16) -> None:
    """A small image file whose content depends on `shade` alone."""
    pixels = np.random.default_rng(shade).integers(0, 256, (side, side, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **({"lossless": True} if path.suffix == ".webp" else {}))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two classes in the three usual formats, and a file that isn't an image."""
    root = tmp_path / "images"
    for half, count in (("train", 4), ("test", 2)):
        for label, name in enumerate(("cat", "dog")):
            for shade in range(count):
                paint(root / half / name / f"{shade}{('.png', '.webp', '.JPG')[shade % 3]}", 10 * label + shade)
    (root / "train" / "cat" / ".DS_Store").write_text("not an image")
    (root / "train" / "dog" / "notes.txt").write_text("not an image")
    return root


def folder(root: Path, **settings: object) -> Dataset:
    return datasets.make("folder", {"path": str(root), "cache": str(root.parent / "cache"), **settings})


def loaded(data: Dataset) -> Dataset:
    data.load("cpu")
    return data


def same(these: Iterator, those: Iterator) -> bool:
    pairs = list(zip(these, those, strict=True))
    return bool(pairs) and all(torch.equal(a, b) for one, other in pairs for a, b in zip(one, other, strict=True))


# Resident sets


def test_every_training_image_is_a_shifted_perhaps_mirrored_original() -> None:
    data, seen = Noise(), set()
    for seed in range(4):
        for batch in data.train_batches(6, seed):
            for crop, place in zip(batch.images, batch.index.tolist(), strict=True):
                padded = torch.nn.functional.pad(data.image(place), [data.margin] * 4)
                variants = {
                    (down, right, mirrored): window.flip(2) if mirrored else window
                    for down in range(5)
                    for right in range(5)
                    for window in [padded[:, down : down + 16, right : right + 16]]
                    for mirrored in (False, True)
                }
                found = [how for how, variant in variants.items() if torch.allclose(variant, crop, atol=1e-6)]
                assert len(found) == 1
                seen.add(found[0])
    assert {how[0] for how in seen} == {how[1] for how in seen} == set(range(5)), "every shift occurs"
    assert {how[2] for how in seen} == {False, True}


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


# Shapes


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


# Folders


def test_a_folder_trains_from_files_of_every_format(tree: Path) -> None:
    data = folder(tree, augment=False)
    assert (data.classes, data.size, data.train_count, data.test_count) == (("cat", "dog"), 16, 8, 4)
    data.load("cpu")
    batch = next(data.train_batches(8, 0))
    assert batch.images.mean((0, 2, 3)).abs().max() < 1e-4, "normalised by its own statistics"
    assert (batch.images.std((0, 2, 3), unbiased=False) - 1).abs().max() < 1e-4
    first = torch.tensor(np.array(Image.open(tree / "test" / "cat" / "0.png")))
    assert torch.equal(data.test_pixels[0], first)
    assert data.test_labels.tolist() == [0, 0, 1, 1]


def test_a_folder_elsewhere_is_the_same_data_and_a_changed_one_is_not(tree: Path) -> None:
    before = folder(tree).fingerprint()
    moved = tree.rename(tree.parent / "moved")
    assert folder(moved).fingerprint() == before
    assert folder(moved, size=8).fingerprint() != before
    paint(moved / "train" / "cat" / "another.png", 7)
    assert folder(moved).fingerprint() != before


def test_the_second_start_reads_the_cache_alone(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = loaded(folder(tree))
    monkeypatch.setattr("unix_exp.data.decoded.decode", None)
    monkeypatch.setattr("unix_exp.data.decoded.statistics", None)
    again = loaded(folder(tree))
    assert torch.equal(first.train_pixels, again.train_pixels) and first.mean == again.mean
    assert not list((tree.parent / "cache").glob("*.npy.*")), "nothing unfinished is left behind"


@pytest.mark.parametrize("damage", ["cut short", "foreign", "empty", "other shape"])
def test_a_damaged_cache_is_made_anew(tree: Path, damage: str) -> None:
    first = loaded(folder(tree))
    for path in (tree.parent / "cache").glob("*.npy"):
        content = path.read_bytes()
        if damage == "other shape":
            np.save(path, np.zeros((2, 3), np.uint8))
        else:
            path.write_bytes({"cut short": content[:-9], "foreign": b"hello", "empty": b""}[damage])
    again = loaded(folder(tree))
    assert torch.equal(first.train_pixels, again.train_pixels) and first.std == again.std


def test_a_corrupt_image_is_named(tree: Path) -> None:
    broken = tree / "train" / "dog" / "1.webp"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(Mistake, match=r"train/dog/1\.webp' can't be read as an image .*; repair or remove it"):
        loaded(folder(tree))


def test_images_of_other_sizes_are_fitted(tree: Path) -> None:
    paint(tree / "train" / "dog" / "9.png", 1, side=40)
    assert loaded(folder(tree)).train_pixels.shape == (9, 20, 20, 3)
    assert loaded(folder(tree, size=8)).train_pixels.shape == (9, 10, 10, 3)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda root: (root / "test" / "dog").rename(root / "test" / "wolf"), "they differ in dog, wolf"),
        (lambda root: (root / "train" / "ant").mkdir() or (root / "test" / "ant").mkdir(), "ant' has no images"),
        (lambda root: (root / "test").rename(root / "tests"), "neither test/ nor val/"),
        (lambda root: (root / "train").rename(root / "training"), "train' is missing"),
    ],
)
def test_a_folder_that_lacks_something_is_refused_before_loading(tree: Path, spoil, complaint: str) -> None:
    spoil(tree)
    with pytest.raises(Mistake, match=complaint):
        folder(tree)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"size": 7}, "dataset.size is 7; choose 8 or more"),
        ({"mean": [0.5]}, "dataset.mean has 1 values; give 3"),
        ({"std": [0.5, 0.0, 0.5]}, "every value must be above 0"),
        ({"stream": True, "workers": -1}, "dataset.workers is -1; choose 0 or more"),
        ({"path": "nowhere"}, "dataset.path is 'nowhere'; there is no such folder"),
    ],
)
def test_settings_out_of_range_are_refused(tree: Path, settings: dict, complaint: str) -> None:
    with pytest.raises(Mistake, match=complaint):
        folder(tree, **settings)


def test_val_serves_as_test(tree: Path) -> None:
    (tree / "test").rename(tree / "val")
    assert folder(tree).test_count == 4


def test_a_folder_of_large_images_is_streamed(tree: Path) -> None:
    from unix_exp.data.streamed import Streamed

    assert not isinstance(folder(tree), Streamed)
    assert isinstance(folder(tree, size=97), Streamed) and not isinstance(folder(tree, size=97, stream=False), Streamed)
    data = loaded(folder(tree, stream=True, workers=0, augment=False))
    assert next(data.train_batches(8, 0)).images.shape == (8, 3, 16, 16)


# CIFAR


def test_cifar_missing_or_damaged_is_said_in_one_line(tmp_path: Path) -> None:
    settings = {"root": str(tmp_path), "download": False}
    with pytest.raises(Mistake, match=r"there is no '.*cifar-100-python'; set dataset.download=true"):
        datasets.make("cifar100", settings)
    for name in ("train", "test", "meta"):
        paint(tmp_path / "cifar-100-python" / f"{name}.png", 0)
        (tmp_path / "cifar-100-python" / f"{name}.png").rename(tmp_path / "cifar-100-python" / name)
    data = datasets.make("cifar100", settings)
    with pytest.raises(Mistake, match=r"cifar-100-python': files are missing or damaged; set") as said:
        data.load("cpu")
    assert "\n" not in str(said.value)


def test_cifar_without_a_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "url", (tmp_path / "no-such-archive.tar.gz").as_uri())
    data = datasets.make("cifar10", {"root": str(tmp_path)})
    with pytest.raises(Mistake, match=r"download failed \(.*\); .* dataset.download=false") as said:
        data.load("cpu")
    assert "\n" not in str(said.value)


def test_cifar_knows_its_classes() -> None:
    for name, count in (("cifar10", 10), ("cifar100", 100)):
        classes = datasets.make(name, {}).classes
        assert len(set(classes)) == count and list(classes) == sorted(classes)


# Tiny ImageNet and ImageNet


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    root = tmp_path / "tiny-imagenet-200"
    for label, wnid in enumerate(("n01", "n02")):
        for shade in range(3):
            paint(root / "train" / wnid / "images" / f"{wnid}_{shade}.JPEG", 10 * label + shade, side=64)
    for place in range(4):
        paint(root / "val" / "images" / f"val_{place}.JPEG", place, side=64)
    rows = [f"val_{place}.JPEG\tn0{2 - place % 2}\t0\t0\t63\t63\n" for place in reversed(range(4))]
    (root / "val" / "val_annotations.txt").write_text("".join(rows))
    return root


def test_tiny_imagenet_is_read_as_it_is_unpacked(tiny: Path) -> None:
    data = loaded(datasets.make("tinyimagenet", {"path": str(tiny), "cache": str(tiny.parent / "cache")}))
    assert (data.classes, data.size, data.train_count, data.test_count) == (("n01", "n02"), 64, 6, 4)
    assert data.test_labels.tolist() == [1, 0, 1, 0]
    assert next(data.train_batches(2, 0)).images.shape == (2, 3, 64, 64)
    assert data.margin == 8


@pytest.mark.parametrize("missing", ["val/val_annotations.txt", "val/images/val_2.JPEG"])
def test_tiny_imagenet_says_what_is_missing(tiny: Path, missing: str) -> None:
    (tiny / missing).unlink()
    with pytest.raises(Mistake, match=f"{missing}' is missing; unpack the archive again"):
        datasets.make("tinyimagenet", {"path": str(tiny)})


@pytest.fixture
def large(tmp_path: Path) -> Path:
    for half, count in (("train", 5), ("val", 2)):
        for label, wnid in enumerate(("n01", "n02")):
            for shade in range(count):
                paint(tmp_path / half / wnid / f"{shade}.JPEG", 10 * label + shade, side=50 + 9 * shade)
    return tmp_path


def stream(root: Path, **settings: object) -> Dataset:
    return loaded(datasets.make("imagenet", {"path": str(root), "size": 32, **settings}))


def test_a_streamed_epoch_is_the_same_for_any_number_of_workers(large: Path) -> None:
    before = torch.get_rng_state()
    alone = list(stream(large, workers=0).train_batches(4, 1))
    assert [len(batch.index) for batch in alone] == [4, 4]
    assert same(alone, stream(large, workers=2).train_batches(4, 1))
    assert torch.equal(before, torch.get_rng_state()), "and leaves the program's generator alone"


def test_a_streamed_image_is_cut_differently_each_epoch(large: Path) -> None:
    data = stream(large, workers=0)
    one, other = (next(data.train_batches(10, seed)) for seed in (1, 2))
    differing = one.images[one.index.argsort()] != other.images[other.index.argsort()]
    assert differing.flatten(1).any(1).all()


def test_streamed_test_images_are_complete_and_in_order(large: Path) -> None:
    images, labels = map(torch.cat, zip(*stream(large, workers=0).test_batches(3), strict=True))
    assert images.shape == (4, 3, 32, 32) and labels.tolist() == [0, 0, 1, 1]


def test_a_corrupt_image_is_named_by_a_worker_too(large: Path) -> None:
    (large / "val" / "n02" / "1.JPEG").write_bytes(b"broken")
    with pytest.raises(Mistake, match=r"^'.*n02/1\.JPEG' can't be read as an image \(\w+\); repair or remove it$"):
        list(stream(large, workers=1).test_batches(2))


# Configs


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_says_the_constructors_own_defaults(path: Path) -> None:
    config = OmegaConf.load(path)
    config = config.get("dataset", config)  # one that chooses a recipe as well says which part is its own
    constructor = datasets[config.pop("name")]
    parameters = inspect.signature(constructor).parameters
    assert set(config) == set(parameters)
    for key, parameter in parameters.items():
        assert (
            OmegaConf.is_missing(config, key)
            if parameter.default is parameter.empty
            else config[key] == parameter.default
        )
    assert path.read_text().startswith("# ")


def test_every_dataset_has_a_config() -> None:
    assert datasets.names() == sorted(path.stem for path in CONF.glob("*.yaml"))
