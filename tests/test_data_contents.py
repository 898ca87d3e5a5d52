"""What is in image files is hashed once, and noticed when it changes, whatever size, name and time say."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest
import torch
from pictures import loaded, of_equal_size, paint_folder, paint_imagenet

from unix_exp.data import contents
from unix_exp.data.files import find_images, identify
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the files had been there for long."""
    monkeypatch.setattr(contents, "SETTLED", 0.0)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return paint_folder(tmp_path / "images")


def folder(root: Path, **settings: object) -> Dataset:
    return datasets.make("folder", {"path": str(root), "cache": str(root.parent / "cache"), **settings})


def reading_is_an_error(path: str) -> tuple[bytes, tuple[int, ...]]:
    raise AssertionError(f"{path} was read again")


def index(tree: Path) -> Path:
    (found,) = (tree.parent / "cache").glob("index-*.npz")
    return found


def test_fingerprints_are_what_they_were(tmp_path: Path) -> None:
    """The identities of all runs so far rest on this formula: names, sizes and labels."""
    for name, size in (("b/1.png", 3), ("a/2.PNG", 5), ("a/10.jpg", 1)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    files = find_images(str(tmp_path), ("a", "b"))
    assert identify(str(tmp_path), files, files) == "f3ed3580ef9f4c1baf7d77df3b5ef7028127507f7a45a4a5b9cf1f3c67708db4"
    assert datasets.make("cifar100", {}).fingerprint() == "cifar-100-python"


def test_images_are_read_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = folder(tree).content_hash()
    monkeypatch.setattr(contents, "content", reading_is_an_error)
    assert folder(tree).content_hash() == first
    of_equal_size(tree / "train" / "cat" / "1.png", 99)
    with pytest.raises(AssertionError, match="cat/1.png was read again"):
        folder(tree).content_hash()


def test_the_same_images_elsewhere_are_the_same(tree: Path) -> None:
    first = folder(tree).content_hash()
    shutil.copytree(tree, tree.parent / "copy")
    assert folder(tree.parent / "copy").content_hash() == first
    assert folder(tree.rename(tree.parent / "moved"), size=8).content_hash() == first


@pytest.mark.parametrize("way", ["written over", "written over, with its time", "put in its place, with its time"])
def test_a_replaced_image_of_equal_size_is_noticed_and_named(tree: Path, way: str) -> None:
    before = loaded(folder(tree))
    path = tree / "train" / "dog" / "2.png"
    was = path.stat()
    if way.startswith("put"):
        of_equal_size(tree / "new.png", 99)
        (tree / "new.png").replace(path)
    else:
        of_equal_size(path, 99)
    if "time" in way:
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
    data = folder(tree)
    assert data.fingerprint() == before.fingerprint()
    assert data.content_hash() != before.content_hash()
    assert data.changed_since(before.content_hash()) == ["train/dog/2.png"]
    assert data.changed_since("unknown") == []
    after = loaded(data)
    changed = (before.train_pixels != after.train_pixels).flatten(1).any(1)
    assert changed.tolist() == [number == 6 for number in range(8)], "no old pixel comes from the cache"


def test_a_copied_index_is_harmless(tree: Path) -> None:
    """Another folder's index, in the place of this one's, with the same names and sizes in it."""
    other = paint_folder(tree.parent / "more" / "images", train=4)
    of_equal_size(other / "train" / "cat" / "0.png", 99)
    right, wrong = folder(tree).content_hash(), folder(other).content_hash()
    assert right != wrong
    shutil.copy(index(other), index(tree))
    assert folder(tree).content_hash() == right


def test_a_damaged_index_is_harmless(tree: Path) -> None:
    right = folder(tree).content_hash()
    whole = index(tree).read_bytes()
    for number in range(0, 8 * len(whole), 8 * len(whole) // 10):
        spoiled = bytearray(whole)
        spoiled[number // 8] ^= 1 << number % 8
        for content in (bytes(spoiled), whole[: number // 8]):
            index(tree).write_bytes(content)
            assert folder(tree).content_hash() == right


def test_a_file_of_this_moment_is_not_remembered(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be changed again within a tick of the clock, so that nothing but its content would tell."""
    monkeypatch.setattr(contents, "SETTLED", 3600.0)
    folder(tree).content_hash()
    monkeypatch.setattr(contents, "content", reading_is_an_error)
    with pytest.raises(AssertionError):
        folder(tree).content_hash()


def test_what_was_hashed_before_a_broken_file_is_not_hashed_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "PIECE", 1)
    last = tree / "test" / "dog" / "1.png"
    whole = last.read_bytes()
    last.write_bytes(b"broken")
    with pytest.raises(Mistake, match="test/dog/1.png' can't be read as an image"):
        folder(tree).content_hash()
    last.write_bytes(whole)
    read, reading = [], contents.content
    monkeypatch.setattr(contents, "content", lambda path: read.append(path) or reading(path))
    folder(tree).content_hash()
    assert read[-1] == str(last) and len(read) < 12


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_changes_while_it_is_streamed_is_named(tmp_path: Path, workers: int) -> None:
    root = paint_imagenet(tmp_path / "images")
    settings = {"path": str(root), "size": 32, "workers": workers, "cache": str(tmp_path / "cache")}
    data = datasets.make("imagenet", settings)
    data.examine()
    loaded(data)
    images = torch.cat([images for images, _ in data.test_batches(2)])
    path = root / "val" / "n02" / "1.JPEG"
    was = path.read_bytes()
    path.write_bytes(was)
    os.utime(path)
    again = torch.cat([images for images, _ in data.test_batches(2)])
    assert torch.equal(images, again), "another time with the same content is no change"
    path.write_bytes((root / "val" / "n01" / "1.JPEG").read_bytes())
    with pytest.raises(Mistake, match=r"^'.*n02/1\.JPEG' was changed while a run reads it; put it back and \w+ again$"):
        list(data.test_batches(2))


def test_a_broken_image_leaves_no_worker(tmp_path: Path) -> None:
    """Workers ignore the signals that Python sends when it ends, so it would wait for one forever."""
    root = paint_imagenet(tmp_path / "images")
    data = loaded(datasets.make("imagenet", {"path": str(root), "size": 32, "workers": 1}))
    (root / "val" / "n02" / "1.JPEG").write_bytes(b"broken")
    gc.collect()
    gc.disable()  # a cycle of references would hold the loader until some later collection
    try:
        with pytest.raises(Mistake, match="can't be read as an image"):
            list(data.test_batches(1))
        assert not multiprocessing.active_children()
    finally:
        gc.enable()
