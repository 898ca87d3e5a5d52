"""Images of a library or of one's own code are a data set like any other, and are treated like files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from common import Command
from pictures import loaded, paint
from PIL import Image

from unix_exp.data import unfiled
from unix_exp.data.labels import numbered
from unix_exp.data.pairs import of_pairs
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.registry import datasets
from unix_exp.types import Mistake


def noise(seed: int, side: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def pairs(count: int, first: int = 0) -> list[tuple[Any, str]]:
    return [(noise(first + number), ("cat", "dog")[number % 2]) for number in range(count)]


def made(tmp_path: Path, *halves: Any, **settings: Any) -> Any:
    settings = {"cache": str(tmp_path / "cache"), "workers": 0, "augment": False} | settings
    return of_pairs("mine", *halves, **settings)


@pytest.mark.parametrize("stream", [False, True])
def test_pairs_train_validate_and_test(tmp_path: Path, stream: bool) -> None:
    data = made(tmp_path, pairs(8), pairs(4, 100), val=pairs(2, 200), stream=stream, mean=[0.5] * 3, std=[0.25] * 3)
    assert (data.classes, data.size) == (("cat", "dog"), 16)
    assert (data.train_count, data.val_count, data.test_count) == (8, 2, 4)
    assert data.examine(None) == []
    loaded(data)
    plain = Preprocessing(16, 16, "bicubic", (0.5,) * 3, (0.25,) * 3)
    (batch,) = data.train_batches(8, 0)
    if not stream:  # a streamed image is enlarged and cut
        for place, row in enumerate(batch.index.tolist()):
            assert torch.allclose(batch.images[place], plain(Image.fromarray(noise(row))), atol=1e-5)
            assert batch.targets[place].argmax() == row % 2
        (images, labels), *_ = data.val_batches(9)
        assert torch.allclose(images[1], plain(Image.fromarray(noise(201))), atol=1e-5) and labels.tolist() == [0, 1]
    again = made(tmp_path, pairs(8), pairs(4, 100), val=pairs(2, 200), stream=stream)
    assert (again.fingerprint(), again.content_hash()) == (data.fingerprint(), data.content_hash())
    other = made(tmp_path, pairs(8), pairs(4, 101), val=pairs(2, 200), stream=stream)
    assert other.fingerprint() == data.fingerprint(), "known before an image is looked at"
    assert other.content_hash() != data.content_hash()
    assert other.changed_since(data.content_hash()) == [f"test/{number}" for number in range(4)]


def test_names_that_only_look_like_numbers_are_names() -> None:
    names, numbers = numbered("some", {"train": ["10", "9", "--5", "9" * 190]})
    assert names == ("--5", "10", "9", "9" * 190) and numbers["train"] == [1, 2, 0, 3]
    assert numbered("some", {"train": ["10", "9", -5]})[0] == ("-5", "9", "10")


def test_test_images_are_held_out_where_none_are_given(tmp_path: Path) -> None:
    data = made(tmp_path, pairs(20), test_share=0.3, val_share=0.15, split_seed=3)
    assert (data.train_count, data.val_count, data.test_count) == (12, 2, 6)
    assert data.examine(None) == [
        "'mine' has no test images: 6 of 20 images, a share of each class, are held out to test on (dataset.test=0.3 "
        "dataset.split_seed=3)"
    ]
    assert made(tmp_path, pairs(20), test_share=0.3, val_share=0.15, split_seed=4).fingerprint() != data.fingerprint()


def test_an_image_of_any_kind_is_treated_like_its_file(tmp_path: Path) -> None:
    """Grey of 8 and 16 bits, CMYK, a palette, transparency, a note of the camera that it lies on its side."""
    colours = Image.fromarray(noise(0))
    exif = Image.Exif()
    exif[0x0112] = 6
    grey = Image.fromarray((np.arange(256, dtype=np.uint16) * 257).reshape(16, 16))
    kinds = {
        "l.png": colours.convert("L"), "deep.png": grey, "cmyk.jpg": colours.convert("CMYK"),
        "p.gif": colours.convert("P"), "rgba.png": colours.convert("RGBA").rotate(30), "turned.jpg": colours,
        "la.png": colours.convert("LA").rotate(30),
    }  # fmt: skip
    paths = []
    for name, image in kinds.items():
        paths.append(tmp_path / name)
        image.save(paths[-1], **({"exif": exif} if name == "turned.jpg" else {}))
    files = [(path, number % 2) for number, path in enumerate(paths)]
    opened = [(Image.open(path), label) for path, label in files]
    encoded = [(path.read_bytes(), label) for path, label in files]
    of_table = [({"bytes": path.read_bytes(), "path": None}, label) for path, label in files]
    of_path = [({"bytes": None, "path": str(path)}, label) for path, label in files]
    first, *others = (loaded(made(tmp_path, some, some)) for some in (files, opened, encoded, of_table, of_path))
    assert first.train.paths == [str(path) for path in paths], "paths are files"
    for other in others:
        assert torch.equal(first.test_pixels, other.test_pixels)
    assert first.test_pixels[1, :, :, 0].flatten().tolist() == list(range(256)), "sixteen bits"
    turned = np.asarray(Image.open(tmp_path / "turned.jpg").transpose(Image.Transpose.ROTATE_270))
    assert np.array_equal(first.test_pixels[5].numpy(), turned)


def test_arrays_may_be_grey_or_have_their_channels_first(tmp_path: Path) -> None:
    grey = noise(0)[:, :, 0]
    images = [grey, grey[:, :, None], torch.from_numpy(grey)[None], np.stack([grey] * 3), noise(1)]
    some = [(image, number % 2) for number, image in enumerate(images)]
    pixels = loaded(made(tmp_path, some, some)).test_pixels
    assert all(torch.equal(one, torch.from_numpy(np.stack([grey] * 3, axis=2))) for one in pixels[:4])
    assert torch.equal(pixels[4], torch.from_numpy(noise(1)))


class Lazy:
    """A set that counts how often an image is opened, and may change."""

    def __init__(self, count: int, seed: int = 0) -> None:
        self.labels = [number % 2 for number in range(count)]
        self.opened, self.seed = 0, seed

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        self.opened += 1
        return Image.fromarray(noise(self.seed + number)), self.labels[number]


def test_images_are_opened_late_and_with_a_revision_once(tmp_path: Path) -> None:
    def looked_at(revision: str | None) -> int:
        halves = Lazy(6), Lazy(4, 50)
        data = made(tmp_path, *halves, size=16, revision=revision)
        data.fingerprint()
        assert (halves[0].opened, halves[1].opened) == (1, 0), "to see of what kind they are"
        halves[0].opened = 0
        data.examine(None)
        loaded(data)
        return halves[0].opened + halves[1].opened

    assert [looked_at("v1") for _ in range(2)] == [20, 0], "hashed and decoded, then known"
    assert [looked_at(None) for _ in range(2)] == [10, 10], "hashed, as nothing says that they are the same"


@pytest.mark.parametrize("stream", [False, True])
def test_an_image_that_is_another_each_time_is_named(tmp_path: Path, stream: bool) -> None:
    half = Lazy(6)
    data = made(tmp_path, half, Lazy(4, 50), size=16, stream=stream)
    data.content_hash()
    half.seed = 99
    with pytest.raises(Mistake, match="'image train/[0-5] of mine' is another image than before; a data set gives the"):
        list(loaded(data).train_batches(6, 0))


def broken(number: int) -> tuple[Any, str]:
    raise RuntimeError("no such thing\nand more")


@pytest.mark.parametrize(
    ("train", "complaint"),
    [
        ([], "'mine' has no train images; give some, or None"),
        ([*pairs(3), (noise(0), None)], "'mine' has a label of NoneType; a label is a class's name or its number"),
        ([*pairs(3), (noise(0), True)], "'mine' has a label of bool"),
        ([(noise(0), "cat")] * 3, "'mine' has 1 classes; it needs two or more"),
        ([noise(0)] * 3, "a data set of pairs gave ndarray; give pairs of an image and its label"),
        ([*pairs(3), (noise(0), "a\nb")], r"'mine' has a class called 'a\\nb'; a name is one line"),
        ([*pairs(3), (noise(0), 1), (noise(1), "1")], "'mine' has two classes called '1'"),
        ([(noise(0).astype(float), "cat"), *pairs(3)], r"'image train/0 of mine' is ndarray of float64 \[16, 16, 3\]"),
        ([(Image.new("F", (9, 9)), "cat"), *pairs(3)], "'image train/0 of mine' can't be read as an image .TypeError"),
        ([(b"no image", "cat"), *pairs(3)], "'image train/0 of mine' can't be read as an image"),
        ([("no/such.png", "cat"), ("other.png", "dog")], "no/such.png' can't be read"),
        ([(noise(0, 4), "cat"), *pairs(3)], "the first image, 'image train/0 of mine', is 4 pixels wide or high"),
    ],
)  # fmt: skip
def test_pairs_that_cannot_be_used_are_one_line(tmp_path: Path, train: list[Any], complaint: str) -> None:
    with pytest.raises(Mistake, match=complaint):
        loaded(made(tmp_path, train, train))


def test_an_error_in_anothers_code_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = Lazy(6)
    data = made(tmp_path, half, Lazy(4, 50), size=16)
    monkeypatch.setattr(Lazy, "__getitem__", lambda self, number: broken(number))
    with pytest.raises(
        Mistake, match=r"^'image train/0 of mine' can't be read \(RuntimeError: no such thing\); repair"
    ):
        data.examine(None)


def test_classes_that_are_given_keep_their_order(tmp_path: Path) -> None:
    data = made(tmp_path, pairs(4), pairs(2), ["dog", "cat"])
    assert data.classes == ("dog", "cat") and data.train.labels == [1, 0, 1, 0]
    numbers = made(tmp_path, [(image, int(label == "cat")) for image, label in pairs(4)], pairs(2), ["dog", "cat"])
    assert numbers.train.labels == [1, 0, 1, 0]
    with pytest.raises(Mistake, match=r"'mine' has label 2 \(train image 1\), of no class"):
        made(tmp_path, [(noise(0), 0), (noise(0), 2)], pairs(2), ["dog", "cat"])
    with pytest.raises(Mistake, match="'mine' has class 'owl' among its test images and no training image of it"):
        made(tmp_path, pairs(4), [(noise(0), "owl")])


def test_what_is_odd_about_pairs_is_said(tmp_path: Path) -> None:
    twice = [*pairs(4), (noise(0), "dog")]
    notes = made(tmp_path, twice, [*pairs(2, 50), (noise(1), "dog")]).examine(None)
    assert [note.partition(":")[0] for note in notes] == [
        "1 of 3 test images are training images too (test/2 is train/1)",
        "1 image is in two classes (train/4 is train/0)",
    ]


def test_pairs_are_read_in_one_thread(tmp_path: Path) -> None:
    """What makes images may draw them from the one generator that a process has."""

    class Drawing(Lazy):
        busy = False

        def __getitem__(self, number: int) -> tuple[Any, int]:
            assert not Drawing.busy
            Drawing.busy = True
            found = super().__getitem__(number)
            Drawing.busy = False
            return found

    data = made(tmp_path, Drawing(300), Drawing(200, 500), size=16)
    data.content_hash()
    assert unfiled.PIECE < 300


def test_paths_are_files_wherever_they_lie(tmp_path: Path) -> None:
    for number in range(6):
        paint(tmp_path / "images" / f"{number}.png", number)

    def of_files(root: Path) -> Any:
        some = [(str(root / f"{number}.png"), number % 2) for number in range(6)]
        return made(tmp_path, some[:4], some[4:])

    before = of_files(tmp_path / "images")
    assert before.root == str(tmp_path / "images")
    assert of_files((tmp_path / "images").rename(tmp_path / "moved")).fingerprint() == before.fingerprint()
    with pytest.raises(Mistake, match="'mine' gives paths and, as number 1, ndarray; give paths alone"):
        made(tmp_path, [(tmp_path / "moved" / "1.png", 0), (noise(0), 1)])


def test_the_page_on_data_shows_code_that_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
    for number in range(20):
        paint(tmp_path / f"{number}.png", number)
    exec(page.split("```python\n")[1].split("```")[0], {"__name__": "mine"})
    try:
        data = datasets.make("mine", {"path": str(tmp_path)})
    finally:
        del datasets.constructors["mine"], datasets.modules["mine"]
    assert (data.classes, data.size, data.train_count, data.test_count) == (("even", "odd"), 32, 16, 4)


PLUGIN = """
import numpy as np
from unix_exp.data.pairs import of_pairs
from unix_exp.registry import datasets

@datasets.register("kept")
def kept(path: str):
    return of_pairs("kept", [(image, number % 2) for number, image in enumerate(np.load(path))], val_share=0.25)
"""


def test_a_run_on_pairs_is_recorded_continued_and_refused_like_one_on_files(command: Command, tmp_path: Path) -> None:
    (tmp_path / "plugin_of_pairs.py").write_text(PLUGIN)
    np.save(tmp_path / "images.npy", np.stack([noise(number) for number in range(20)]))
    words = ("scale=smoke", "experiment=scratch", "student=resnet8", "recipe.batch=4", "logger=none",
             "plugins=plugin_of_pairs.py", "dataset=kept", "dataset.path=images.npy")  # fmt: skip
    said = command(*words)
    assert said.code == 0, said.err
    assert "note: 'kept' has no test images: 4 of 20 images" in said.out and "4 validation images" in said.out
    again = command(*words)
    assert again.code == 0 and "is finished" in again.out
    np.save(tmp_path / "images.npy", np.stack([noise(number + (number == 3)) for number in range(20)]))
    other = command(*words)
    assert other.code == 2 and "was made of other images of the same names and sizes: train/3 is not what it was" in (
        other.err
    )
