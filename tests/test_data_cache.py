"""Decoded pixels come from the cache only as they were put there; whatever else is there is made anew."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import loaded, of_equal_size, paint_folder

from unix_exp.data import decoded
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return paint_folder(tmp_path / "images")


def folder(root: Path, **settings: object) -> Dataset:
    return datasets.make("folder", {"path": str(root), "cache": str(root.parent / "cache"), **settings})


def kept(tree: Path, ending: str) -> Path:
    (found,) = (tree.parent / "cache").glob(f"pixels-*.{ending}")
    return found


def flipped(share: float) -> Callable[[Path, Path], object]:
    def flip(path: Path, other: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(share * (len(content) - 1))] ^= 4
        path.write_bytes(content)

    return flip


def as_folder(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path, Path], Any]] = {
    "truncated": lambda path, other: os.truncate(path, path.stat().st_size // 2),
    "one byte more": lambda path, other: path.write_bytes(path.read_bytes() + b"\0"),
    "emptied": lambda path, other: os.truncate(path, 0),
    "removed": lambda path, other: path.unlink(),
    "of another data set": lambda path, other: path.write_bytes(other.read_bytes()),
    "zeros": lambda path, other: path.write_bytes(bytes(path.stat().st_size)),
    "text": lambda path, other: path.write_text("hello"),
    "nested": lambda path, other: path.write_text("[" * 100_000),
    "pipe": lambda path, other: (path.unlink(), os.mkfifo(path)),
    "device": lambda path, other: (path.unlink(), path.symlink_to("/dev/zero")),
    "endless": lambda path, other: os.truncate(path, 2**40),
    **{f"flipped at {share}": flipped(share) for share in (0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1)},
}


@pytest.mark.parametrize("ending", ["npy", "json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew(tree: Path, damage: str, ending: str) -> None:
    first = loaded(folder(tree))
    other = paint_folder(tree.parent / "another" / "images")
    of_equal_size(other / "train" / "cat" / "0.png", 99)
    loaded(folder(other))
    DAMAGES[damage](kept(tree, ending), kept(other, ending))
    for data in (folder(tree), folder(tree)):
        data.examine()
        again = loaded(data)
        assert torch.equal(first.train_pixels, again.train_pixels) and torch.equal(first.test_pixels, again.test_pixels)
        assert (first.mean, first.std) == (again.mean, again.std)
    assert kept(tree, "npy").is_file() and np.array_equal(np.load(kept(tree, "npy"))[8:], first.test_pixels)
    assert not list((tree.parent / "cache").glob(".*.part"))


def test_pixels_and_manifest_of_another_data_set_are_not_these(tree: Path) -> None:
    first = loaded(folder(tree))
    other = paint_folder(tree.parent / "another" / "images")
    of_equal_size(other / "train" / "cat" / "0.png", 99)
    loaded(folder(other))
    for ending in ("npy", "json"):
        kept(tree, ending).write_bytes(kept(other, ending).read_bytes())
    assert torch.equal(loaded(folder(tree)).train_pixels, first.train_pixels)


def test_pixels_of_zero_with_a_right_header_are_made_anew(tree: Path) -> None:
    first = loaded(folder(tree))
    np.save(kept(tree, "npy"), np.zeros_like(np.load(kept(tree, "npy"))))
    assert torch.equal(loaded(folder(tree)).train_pixels, first.train_pixels)
    header = b"\x93NUMPY\x02\x00\xff\xff\xff\xff"  # of four gigabytes
    size = kept(tree, "npy").stat().st_size
    kept(tree, "npy").write_bytes(header + b" " * (size - len(header)))
    assert torch.equal(loaded(folder(tree)).train_pixels, first.train_pixels)


def test_a_cache_that_cannot_be_made_anew_is_one_line(tree: Path) -> None:
    loaded(folder(tree))
    as_folder(kept(tree, "npy"), tree)
    with pytest.raises(Mistake, match=r"dataset.cache can't be written at '.*npy' \(Is a directory\); choose another"):
        folder(tree).examine()
    with pytest.raises(Mistake, match=r"dataset.cache can't be written at '.*' \(File exists\); choose another"):
        folder(tree, cache=str(tree / "train" / "cat" / "0.png")).examine()


def test_what_a_killed_process_left_is_removed(tree: Path) -> None:
    loaded(folder(tree))
    pixels, manifest = kept(tree, "npy"), kept(tree, "json")
    manifest.unlink()
    cache = pixels.parent
    names = {f".{manifest.name}.77.part": 0, f".{pixels.name}.78.part": 0, "0123456789abcdef-32.npy.79": 7200}
    for name, age in names.items():
        (cache / name).write_bytes(b"half")
        os.utime(cache / name, (pixels.stat().st_mtime - age,) * 2)
    (cache / "fedcba9876543210-32.npy.80").write_bytes(b"an earlier version at work")
    loaded(folder(tree))
    left = [path.name for path in cache.iterdir() if "part" in path.name or path.suffix[1:].isdigit()]
    assert left == ["fedcba9876543210-32.npy.80"]


def test_of_several_that_begin_together_one_decodes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, decode = [], decoded.decode

    def counting(*words: Any) -> np.ndarray:
        counted.append(1)
        return decode(*words)

    monkeypatch.setattr(decoded, "decode", counting)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(loaded(folder(tree)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(counted) == 1
    assert all(torch.equal(one.train_pixels, found[0].train_pixels) for one in found)


def test_a_file_that_changes_between_hashing_and_decoding_is_named(tree: Path) -> None:
    data = folder(tree)
    data.content_hash()
    of_equal_size(tree / "train" / "cat" / "3.png", 99)
    with pytest.raises(Mistake, match="cat/3.png' was changed while it was read; the same command begins again"):
        data.examine()
