"""Small image files in the layouts that data sets expect, and what tests ask of their batches."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unix_exp.types import Dataset

WNIDS = ("n01", "n02")


def paint(path: Path, shade: int, side: int = 16) -> None:
    """A small image file whose content depends on `shade` alone."""
    pixels = np.random.default_rng(shade).integers(0, 256, (side, side, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **({"lossless": True} if path.suffix == ".webp" else {}))


def paint_imagenet(root: Path, train: int = 5, test: int = 2, growing: int = 9) -> Path:
    """So many images of either class, of 50 pixels and more."""
    for half, count in (("train", train), ("val", test)):
        for label, wnid in enumerate(WNIDS):
            for shade in range(count):
                paint(root / half / wnid / f"{shade}.JPEG", 10 * label + shade, side=50 + growing * shade)
    return root


def paint_tiny_imagenet(root: Path) -> Path:
    """Three training images of either class, four test images in a list that is in no order."""
    for label, wnid in enumerate(WNIDS):
        for shade in range(3):
            paint(root / "train" / wnid / "images" / f"{wnid}_{shade}.JPEG", 10 * label + shade, side=64)
    for place in range(4):
        paint(root / "val" / "images" / f"val_{place}.JPEG", place, side=64)
    rows = [f"val_{place}.JPEG\tn0{2 - place % 2}\t0\t0\t63\t63\n" for place in reversed(range(4))]
    (root / "val" / "val_annotations.txt").write_text("".join(rows))
    return root


def loaded(data: Dataset, device: str = "cpu") -> Any:
    data.load(device)
    return data


def same(these: Iterator[Any], those: Iterator[Any]) -> bool:
    """Whether two epochs are equal in every tensor."""
    pairs = list(zip(these, those, strict=True))
    return bool(pairs) and all(
        one is other or torch.equal(one, other)
        for ours, theirs in pairs
        for one, other in zip(ours, theirs, strict=True)
    )


def png(path: Path, width: int, height: int, bits: int, colour: int, rows: bytes, **chunks: bytes) -> None:
    """A PNG of a kind that Pillow cannot write: `colour` 0 is grey, 2 RGB, 4 grey and 6 RGB with alpha."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    named = [(b"IHDR", header), *((name.encode(), some) for name, some in chunks.items())]
    named += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(some)) + name + some + struct.pack(">I", zlib.crc32(name + some))
            for name, some in named
        )
    )


def of_equal_size(path: Path, shade: int, side: int = 16) -> None:
    """Like `paint`, but as many bytes for any shade."""
    pixels = np.random.default_rng(shade).integers(0, 256, (side, side, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=0)


def paint_folder(root: Path, train: int = 4, test: int = 2, side: int = 16) -> Path:
    """Two classes for dataset=folder, every file as long as every other."""
    for half, count in (("train", train), ("test", test)):
        for label, name in enumerate(("cat", "dog")):
            for number in range(count):
                of_equal_size(root / half / name / f"{number}.png", 100 * (half == "test") + 10 * label + number, side)
    return root


def soft(count: int, side: int) -> Tensor:
    """Images of soft colours, [count, 3, side, side] uint8."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(count))
    return (torch.nn.functional.interpolate(coarse, side, mode="bicubic").clamp(0, 1) * 255).byte()
