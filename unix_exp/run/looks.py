"""looks.json: what a finished run shows of single classes and images. Its shape, and how it is read without PyTorch.

Anyone may have written the file, so it is read as if: what does not fit is named, and nothing of it is used.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypedDict

from unix_exp.run.foreign import bytes_of, parsed
from unix_exp.run.shapes import mismatch
from unix_exp.words import first_line

NAME = "looks.json"
LIMIT = 2**18  # bytes of the file; training stays below 100 KB of pictures
MOST = 64  # entries of a list
HIGHEST = 10**12  # of a count
LONGEST = 200  # characters of a class's name
SIDE = 64  # pixels of a picture, at most
BYTES = 3 * 2**10  # of a picture, at most; 24 of them in base64 are 98 KB
KINDS = {"PNG": "image/png", "JPEG": "image/jpeg"}


class Confusion(TypedDict):
    """Two classes that the student confuses on the test images."""

    true: str
    guessed: str
    count: int
    of: int  # how many test images of the class `true` there are


class Image(TypedDict):
    """A training image, and how often it was trained on."""

    index: int  # in the training set
    name: str  # of its class
    times: int
    picture: str  # PNG or JPEG in base64


class Kept(TypedDict):
    """What a method that leaves images out trained on most often and least often."""

    epochs: int
    most: list[Image]
    least: list[Image]


class Mixed(TypedDict):
    """An image as the method trains on it: two in one."""

    names: list[str]  # the two classes; the first is that of the image which the other was mixed into
    shares: list[float]  # theirs, adding up to 1
    picture: str


class LookDetails(TypedDict, total=False):
    kept: Kept  # missing where every image was trained on alike
    mixed: list[Mixed]  # missing where none are mixed


class Looks(LookDetails):
    confused: list[Confusion]  # the most frequent first; empty where every guess is right


def looks_of(folder: Path, hashed: str | None = None) -> tuple[Looks | None, str | None]:
    """A run's looks and what is wrong with them, in words. Runs without analysis and older ones have neither.

    `hashed` is what result.json says of the file, under `files`. Pictures come as a page takes them: data:image/...
    """
    try:
        content = bytes_of(folder / NAME, LIMIT)
    except FileNotFoundError:
        return None, None if hashed is None else f"{NAME} is missing"
    except OSError as error:
        return None, f"{NAME} cannot be read: {first_line(error)}"
    if hashed is not None and hashlib.sha256(content).hexdigest() != hashed:
        return None, f"{NAME} is not what the run wrote"
    try:
        looks: Looks = parsed(content.decode(errors="replace"))
        if flaw := flaw_of(looks):
            raise ValueError(flaw)
        for one in pictured(looks):
            one["picture"] = as_address(one["picture"])
    except ValueError as error:
        return None, f"{NAME} is damaged: {first_line(error)}"
    return looks, None


def pictured(looks: Looks) -> Sequence[Any]:
    """All entries that have a picture."""
    kept = looks.get("kept")
    return [*(kept["most"] + kept["least"] if kept is not None else []), *looks.get("mixed", [])]


def flaw_of(looks: Any) -> str | None:
    """What is wrong, in words, pictures apart; None where nothing is."""
    if flaw := mismatch(looks, Looks, "the file"):
        return flaw
    kept = looks.get("kept") or {"epochs": 1, "most": [], "least": []}
    lists = [looks["confused"], kept["most"], kept["least"], looks.get("mixed", [])]
    if (most := max(map(len, lists))) > MOST:
        return f"a list has {most} entries, more than {MOST}"
    for one in looks["confused"]:
        if not 0 < one["count"] <= one["of"] <= HIGHEST:
            return f"{one['count']} of {one['of']} images are confused"
    counts = [one[key] for one in kept["most"] + kept["least"] for key in ("index", "times")]
    if not all(0 <= count <= HIGHEST for count in [kept["epochs"], *counts]):
        return "a count is below 0, or beyond all counts"
    for one in looks.get("mixed", []):
        if len(one["names"]) != 2 or len(one["shares"]) != 2 or not all(0 <= share <= 1 for share in one["shares"]):
            return "an image is not mixed of two"
    names = [one[key] for one in looks["confused"] for key in ("true", "guessed")]
    names += [one["name"] for one in kept["most"] + kept["least"]]
    names += [name for one in looks.get("mixed", []) for name in one["names"]]
    return next((f"a class is called {name[:40]!r}" for name in names if not 0 < len(name) <= LONGEST), None)


def as_address(picture: str) -> str:
    """The picture for a page's <img>; ValueError for what is none of a few pixels, whatever its header promises."""
    from PIL import Image as Pillow  # here: most readers of runs need no pictures

    try:
        content = base64.b64decode(picture, validate=True)
        if len(content) > BYTES:
            raise ValueError(f"it has {len(content)} bytes")
        opened = Pillow.open(BytesIO(content), formats=tuple(KINDS))  # reads the header alone
    except (binascii.Error, UnicodeError):
        raise ValueError("a picture is not in base64") from None
    except Exception as error:  # Pillow raises many kinds for a damaged file
        raise ValueError(f"a picture is none: {first_line(error)}") from None
    if max(opened.size) > SIDE:
        raise ValueError(f"a picture is {opened.width} x {opened.height} pixels large")
    return f"data:{KINDS[str(opened.format)]};base64,{picture}"
