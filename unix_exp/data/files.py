"""Folders of image files: finding them, identifying them, decoding one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image

from unix_exp.types import Mistake

# All compressed, so that a file with other pixels has another size, by which it is identified.
ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


class Files(NamedTuple):
    """The images of one half of a data set, not yet opened."""

    paths: list[str]
    labels: list[int]


def existing_folder(path: str, setting: str) -> str:
    """The folder a setting names, with ~ filled in."""
    path = os.path.expanduser(path)
    if not os.path.isdir(path):
        raise Mistake(f"{setting} is '{path}'; there is no such folder")
    return path


def find_classes(folder: str) -> tuple[str, ...]:
    """The class names: the sorted subfolders."""
    if not os.path.isdir(folder):
        raise Mistake(f"'{folder}' is missing; images belong in {os.path.basename(folder)}/<class>/")
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if len(names) < 2:
        raise Mistake(f"'{folder}' has {len(names)} class folders; it needs two or more")
    return tuple(names)


def find_images(folder: str, classes: Sequence[str], inside: str = ".") -> Files:
    """Every image of every class in sorted order; files that aren't images are passed over."""
    paths, labels = [], []
    for label, name in enumerate(classes):
        subfolder = os.path.normpath(os.path.join(folder, name, inside))
        names = sorted(os.listdir(subfolder)) if os.path.isdir(subfolder) else []
        images = [one for one in names if one.lower().endswith(ENDINGS) and not one.startswith(".")]
        if not images:
            raise Mistake(f"'{subfolder}' has no images ({', '.join(ENDINGS)}); add some or remove class '{name}'")
        paths += [os.path.join(subfolder, one) for one in images]
        labels += [label] * len(images)
    return Files(paths, labels)


def identify(root: str, *halves: Files) -> str:
    """A hash of names, sizes and labels: the same wherever the files are and whenever they were copied."""
    digest = hashlib.sha256()
    for half in halves:
        digest.update(b"half\n")
        for path, label in zip(*half, strict=True):
            name = path[len(root) :].replace(os.sep, "/").lstrip("/")
            digest.update(f"{name} {os.path.getsize(path)} {label}\n".encode())
    return digest.hexdigest()


def open_image(path: str) -> Image.Image:
    """Decode a file to RGB."""
    try:
        with Image.open(path) as image:
            colours: Image.Image = image.convert("RGB")
            return colours
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises any of these for a broken file
        raise Mistake(f"'{path}' can't be read as an image ({type(error).__name__}); repair or remove it") from error
