"""Folders of images and their cache, spoiled before or after they were first read, as a data set reads them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pictures import paint, paint_folder
from PIL import Image

from unix_exp.data import contents
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake

from .frame import FINE
from .mutations import replaced, spoiled

contents.SETTLED = 0.0  # the index is believed at once, so that a spoiled one matters
NAMES = ("\x1b[2J.png", "a\nb.png", os.fsdecode(b"\xff.png"), "x" * 251 + ".png", ".png", "..png", "é.png", "=1+1.png")


@cache
def samples() -> list[tuple[str, bytes]]:
    """Small images of every kind, by ending."""
    found = []
    with tempfile.TemporaryDirectory() as place:
        for mode in ("RGB", "RGBA", "L", "LA", "1", "P", "CMYK", "I;16"):
            for kind, ending in (("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("GIF", "png"), ("BMP", "png")):
                paint(Path(place, "one.png"), len(found), side=12)
                image = Image.open(Path(place, "one.png"))
                image = image.convert("L").convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)
                exif = Image.Exif()
                exif[0x0112] = len(found) % 9
                path = Path(place, f"made.{ending}")
                with contextlib.suppress(OSError, ValueError):  # not every kind holds every mode
                    image.save(path, kind, **({"exif": exif} if kind != "BMP" and len(found) % 2 else {}))
                    found.append((ending, path.read_bytes()))
    return found


class ImageFolders:
    """A folder of images, read once whole, then spoiled in images, layout or cache, and read again."""

    name = "images"

    def make(self, draw: random.Random, folder: Path) -> None:
        root = paint_folder(folder / "images", 2, 1, side=12)
        settings: dict[str, Any] = {"stream": draw.random() < 0.3, "size": draw.choice((None, None, 8, 16))}
        (folder / "settings.json").write_text(json.dumps(settings))
        read_before = draw.random() < 0.5
        if read_before:
            all_of(made(folder))
        for _ in range(draw.choice((1, 1, 1, 2, 4))):
            kept = sorted((folder / "cache").glob("[!.]*"))
            if read_before and kept and draw.random() < 0.6:
                self.spoil(draw, draw.choice(kept))
            elif draw.random() < 0.15:
                self.rearrange(draw, root)
            else:
                ending, content = draw.choice(samples())
                path = root / draw.choice(("train", "test")) / draw.choice(("cat", "dog")) / f"0.{ending}"
                if path.parent.is_dir() and not path.is_symlink() and (path.is_file() or not path.exists()):
                    path.write_bytes(spoiled(draw, content))

    def spoil(self, draw: random.Random, path: Path) -> None:
        if not path.is_file() or path.is_symlink() or draw.random() < 0.2:
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            replaced(draw, path)
            return
        path.write_bytes(spoiled(draw, path.read_bytes()))

    def rearrange(self, draw: random.Random, root: Path) -> None:
        """Something odd in the place of a folder or a file, or beside it."""
        places = sorted(root.rglob("*"))
        path = draw.choice(places)
        way = draw.randrange(4)
        if way == 0 and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
            replaced(draw, path)
        elif way == 1 and path.parent.is_dir():
            with contextlib.suppress(OSError):
                path.rename(path.parent / draw.choice(NAMES))
        elif way == 2 and path.is_dir() and not path.is_symlink():
            replaced(draw, path / "new.png")
        elif not path.is_dir():
            replaced(draw, path)

    def read(self, folder: Path) -> str:
        try:
            found = all_of(made(folder))
        except Mistake as mistake:
            said = str(mistake)
            if "\n" in said or len(said) > 2000:
                raise AssertionError(f"not one line: {said[:100]!r}") from None
            raise
        finally:
            left = [path.name for path in folder.glob("cache/.*.part")]
            assert not left, f"{left} was left"
        shutil.rmtree(folder / "cache", ignore_errors=True)
        again = all_of(made(folder))
        assert all(torch.equal(one, other) for one, other in zip(found, again, strict=True)), "the cache lied"
        return FINE


def made(folder: Path) -> Dataset:
    settings = json.loads((folder / "settings.json").read_text())
    return datasets.make(
        "folder", {"path": str(folder / "images"), "cache": str(folder / "cache"), "workers": 0, **settings}
    )


def all_of(data: Dataset) -> list[torch.Tensor]:
    """Every image as a run sees it."""
    data.examine()  # type: ignore[attr-defined]
    data.load("cpu")
    train = [batch.images for batch in data.train_batches(1, 0)]
    return train + [images for images, _ in data.test_batches(2)]


TARGET = ImageFolders()
