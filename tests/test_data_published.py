"""Sets of torchvision and of Hugging Face, by name, from what is on this machine."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import loaded, paint
from PIL import Image
from torchvision import datasets as published

from unix_exp.config.names import dataset_name
from unix_exp.data import huggingface as of_hub
from unix_exp.data import torchvision_sets
from unix_exp.registry import datasets
from unix_exp.types import Mistake

FAKE = {"size": 40, "image_size": [3, 16, 16], "num_classes": 2}


def made(name: str, tmp_path: Path, **settings: Any) -> Any:
    return datasets.make(name, {"cache": str(tmp_path / "cache"), "augment": False, "workers": 0, **settings})


def test_a_set_without_splits_is_divided(tmp_path: Path) -> None:
    data = made("torchvision", tmp_path, set="FakeData", options=FAKE)
    assert (data.classes, data.train_count, data.test_count) == (("0", "1"), 32, 8)
    assert "8 of 40 images" in data.examine(None)[0]
    loaded(data)
    whole = published.FakeData(40, (3, 16, 16), 2)
    places = [int(data.test.called(row).split()[1].split("/")[1]) for row in range(8)]
    for row, place in enumerate(places):
        image, label = whole[place]
        assert np.array_equal(data.test_pixels[row].numpy(), np.asarray(image)) and data.test_labels[row] == label
    assert made("torchvision", tmp_path, set="FakeData", options=FAKE | {"random_offset": 1}).content_hash() != (
        data.content_hash()
    )
    assert dataset_name({"dataset": {"name": "x", "set": "FakeData", "path": "data", "title": None}}) == "FakeData"


def test_splits_are_found_however_a_class_asks_for_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for number in range(12):
        paint(tmp_path / "data" / f"{number}.png", number)

    class Split(published.VisionDataset):
        classes = (("cat", "pussy"), "dog")
        splits: tuple[str, ...] = ("train", "val", "test")

        def __init__(self, root: str, split: str = "train", loader: Any = None, download: bool = False) -> None:
            if split not in self.splits:
                raise ValueError(f"Unknown value '{split}' for argument split.")
            self.loader, self.first = loader, 4 * self.splits.index(split)
            self.root = root

        def __len__(self) -> int:
            return 4

        def __getitem__(self, number: int) -> tuple[Any, int]:
            return self.loader(Path(self.root) / f"{self.first + number}.png"), number % 2

    class Flag(Split):
        def __init__(self, root: str, train: bool = True) -> None:
            super().__init__(root, "train" if train else "test", Image.open)
            self.targets = [0, 1, 0, 1]

    class Two(Split):
        splits = ("trainval", "valid")

    for kind in (Split, Flag, Two):
        monkeypatch.setitem(vars(published), kind.__name__, kind)
        monkeypatch.setattr(published, "__all__", (*published.__all__, kind.__name__))
    sets = {
        one: made("torchvision", tmp_path, set=one, path=str(tmp_path / "data")) for one in ("Split", "Flag", "Two")
    }
    counts = {one: (data.train_count, data.val_count, data.test_count) for one, data in sets.items()}
    assert counts == {"Split": (4, 4, 4), "Flag": (4, 0, 4), "Two": (4, 0, 4)}
    assert sets["Split"].train.paths[4].endswith("data/4.png"), "files, where a set lets its images be opened by others"
    assert sets["Flag"].classes == ("cat, pussy", "dog")
    assert made("torchvision", tmp_path, set="Split", path=str(tmp_path / "data"), test_split="val").val_count == 0
    with pytest.raises(Mistake, match="torchvision's Split can't be made .Unknown value 'dev'"):
        made("torchvision", tmp_path, set="Split", path=str(tmp_path / "data"), val_split="dev")
    with pytest.raises(Mistake, match="torchvision's Flag has no splits by name; leave dataset.test_split away"):
        made("torchvision", tmp_path, set="Flag", path=str(tmp_path / "data"), test_split="test")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"set": "Flowers12"}, "torchvision has no data set 'Flowers12'; did you mean 'Flowers102'"),
        ({"set": "Food101"}, "torchvision's Food101 can't be read from '.*nowhere' .Dataset not found.* put it into"),
        ({"set": "CIFAR10"}, "torchvision's CIFAR10 can't be read from '.*nowhere' .*dataset.download=true"),
        ({"set": "FakeData", "options": {"sizes": 3}}, "torchvision's FakeData has no option 'sizes'; did you"),
        ({"set": "FakeData", "options": {"size": 0}}, "'FakeData' has no train images"),
    ],
)  # fmt: skip
def test_a_torchvision_set_that_is_not_there_is_one_line(tmp_path: Path, settings: Any, complaint: str) -> None:
    with pytest.raises(Mistake, match=complaint):
        made("torchvision", tmp_path, path=str(tmp_path / "nowhere"), **settings)


def test_every_classification_set_of_torchvision_can_be_asked_for(tmp_path: Path) -> None:
    """Each says that its files are missing, and none that it is called in the wrong way."""
    for name in ("Flowers102", "OxfordIIITPet", "DTD", "SVHN", "EuroSAT", "MNIST", "Places365", "GTSRB", "STL10"):
        with pytest.raises(Mistake, match=f"^torchvision's {name} can't be read from"):
            torchvision_sets.halves_of(
                name, torchvision_sets.known(name), str(tmp_path), {}, False, dict.fromkeys(("train", "val", "test"))
            )


def encoded(shade: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(shade).integers(0, 256, (16, 16, 3), np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with three splits and one without, as save_to_disk writes them, and one as parquet."""
    library = pytest.importorskip("datasets")
    library.disable_progress_bars()
    root = tmp_path_factory.mktemp("hub")
    library.config.HF_DATASETS_CACHE = root / "cache"  # where a set of parquet files is unpacked
    kinds = library.Features(
        {"picture": library.Image(), "fine": library.ClassLabel(names=["cat", "dog"]), "text": library.Value("string")}
    )

    def split(count: int, first: int) -> Any:
        rows = [{"bytes": encoded(first + number), "path": None} for number in range(count)]
        labels = [number % 2 for number in range(count)]
        columns = {"picture": rows, "fine": labels, "text": ["owl" if label else "ant" for label in labels]}
        return library.Dataset.from_dict(columns, features=kinds)

    halves = {"train": split(8, 0), "validation": split(2, 100), "test": split(4, 200)}
    library.DatasetDict(halves).save_to_disk(root / "three")
    halves["train"].save_to_disk(root / "one")
    (root / "parquet").mkdir()
    halves["train"].to_parquet(root / "parquet" / "train.parquet")
    return root


def test_a_saved_set_of_hugging_face_is_read(saved: Path, tmp_path: Path) -> None:
    data = made("huggingface", tmp_path, path=str(saved / "three"))
    assert (data.classes, data.train_count, data.val_count, data.test_count) == (("cat", "dog"), 8, 2, 4)
    assert data.examine(None) == []
    loaded(data)
    expected = [np.asarray(Image.open(io.BytesIO(encoded(200 + number)))) for number in range(4)]
    assert torch.equal(data.test_pixels, torch.from_numpy(np.stack(expected)))
    again = made("huggingface", tmp_path, path=str(saved / "three"))
    assert again.fingerprint() == data.fingerprint() and again.content_hash() == data.content_hash()
    assert list((tmp_path / "cache").glob("revision-*.npz"))
    one = made("huggingface", tmp_path, path=str(saved / "one"), label="text")
    assert (one.classes, one.train_count, one.test_count) == (("ant", "owl"), 6, 2)
    parquet = made("huggingface", tmp_path, path=str(saved / "parquet"))
    assert (parquet.classes, parquet.train_count, parquet.test_count) == (("cat", "dog"), 6, 2)
    swapped = made("huggingface", tmp_path, path=str(saved / "three"), test_split="train", train_split="test")
    assert (swapped.train_count, swapped.test_count) == (4, 8)


def test_a_set_that_is_not_on_this_machine_is_one_line_at_once(saved: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(Mistake, match=r"Hugging Face's 'some/thing' is not on this machine \(.*; fetch it once"):
        made("huggingface", tmp_path, set="some/thing")
    assert time.monotonic() - began < 5
    import datasets as library
    from huggingface_hub import constants

    assert not library.config.HF_HUB_OFFLINE and not constants.HF_HUB_OFFLINE, "as it was"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "give dataset.set, a name on Hugging Face, or dataset.path"),
        ({"set": "three"}, "dataset.set is the folder 'three'; give it as dataset.path"),
        ({"path": "nowhere"}, "dataset.path is 'nowhere'; there is no such folder"),
        ({"path": "three", "image": "pic"}, "dataset.image is 'pic', a column that 'three' lacks; did you"),
        ({"path": "three", "image": "text"}, "column 'text' of 'three' holds no images; choose dataset.image"),
        ({"path": "three", "test_split": "tests"}, "dataset.test_split is 'tests', which 'three' lacks; did you"),
        ({"path": "three", "val": 0.1}, "dataset.val is 0.1, but 'three' has validation images of its own"),
        ({"path": "."}, "can't be loaded"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_a_set_are_one_line(
    saved: Path, tmp_path: Path, settings: Any, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved)
    with pytest.raises(Mistake, match=complaint) as raised:
        made("huggingface", tmp_path, **settings)
    assert len(str(raised.value).splitlines()) == 1


def test_columns_are_chosen_by_their_kind() -> None:
    library = pytest.importorskip("datasets")
    image, kind, text = library.Image(), library.ClassLabel(names=["a", "b"]), library.Value("string")
    assert of_hub.columns_of("x", {"a": text, "b": image, "c": kind}, None, None) == ("b", "c")
    assert of_hub.columns_of("x", {"image": image, "label": text, "c": text}, None, None) == ("image", "label")
    with pytest.raises(Mistake, match=r"'x' has 2 columns of labels \(fine, coarse\); choose dataset.label"):
        of_hub.columns_of("x", {"a": image, "fine": kind, "coarse": kind}, None, None)
    with pytest.raises(Mistake, match=r"'x' has no columns of images \(a, c\); choose dataset.image"):
        of_hub.columns_of("x", {"a": text, "c": kind}, None, None)
