"""An image file is read as viewers show it, whoever made it, or refused in one line that names it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pictures import paint_folder, png
from PIL import Image

from unix_exp.data.files import find_classes, find_images
from unix_exp.data.opening import image_of, open_image
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake


def opened(path: Path) -> np.ndarray:
    """The same picture for whoever names the file, opens it with Pillow, or hands on what was opened here."""
    seen = open_image(str(path))
    with Image.open(path) as theirs:
        assert image_of(theirs) == seen
    assert image_of(seen) == seen
    return np.asarray(seen)


def sixteen(*values: int) -> bytes:
    return np.array(values, ">u2").tobytes()


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    levels = range(0, 65536, 256)
    png(path, 256, 1, 16, 0, b"\0" + sixteen(*levels))
    assert opened(path)[0].tolist() == [[level] * 3 for level in range(256)]
    png(path, 2, 1, 16, 2, b"\0" + sixteen(0x1234, 0x5678, 0xFF00, 0, 300, 65535))
    assert opened(path)[0].tolist() == [[0x12, 0x56, 0xFF], [0, 1, 255]]
    png(path, 2, 1, 16, 0, b"\0" + sixteen(0x1234, 0x1235), tRNS=sixteen(0x1234))
    assert opened(path)[0].tolist() == [[255] * 3, [0x12] * 3], "the transparent level is white, its neighbour is not"
    png(path, 2, 1, 16, 2, b"\0" + sixteen(0x1234, 0, 0, 0xFF00, 0, 0), tRNS=sixteen(0x1234, 0, 0))
    assert opened(path)[0].tolist() == [[255] * 3, [255, 0, 0]]
    png(path, 2, 1, 16, 4, b"\0" + sixteen(0x1234, 65535, 0x1234, 0))
    assert opened(path)[0].tolist() == [[0x12] * 3, [255] * 3]
    png(path, 2, 1, 16, 6, b"\0" + sixteen(0x1234, 0, 0, 65535, 0x1234, 0, 0, 0))
    assert opened(path)[0].tolist() == [[0x12, 0, 0], [255] * 3]


# By orientation, where the first row and the first column of the file are to be seen (EXIF 2.3, table 6).
CORNERS = {
    1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left",
    5: "left top", 6: "right top", 7: "right bottom", 8: "left bottom",
}  # fmt: skip


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", CORNERS)
def test_a_photo_is_upright(tmp_path: Path, orientation: int, ending: str) -> None:
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :8], stored[:8, -8:] = (255, 0, 0), (0, 255, 0)  # the first corner, and the other end of the first row
    exif = Image.Exif()
    exif[0x0112] = orientation
    more = {"quality": 95, "subsampling": 0} if ending == "jpg" else {"lossless": True} if ending == "webp" else {}
    Image.fromarray(stored).save(tmp_path / f"photo.{ending}", exif=exif, **more)
    row, column = CORNERS[orientation].split()
    seen = opened(tmp_path / f"photo.{ending}")
    upright = row in ("top", "bottom")
    prepared = Preprocessing(16, 16, "bilinear", (0.5,) * 3, (0.5,) * 3)
    with Image.open(tmp_path / f"photo.{ending}") as theirs:
        assert prepared(theirs).equal(prepared(tmp_path / f"photo.{ending}")), "an image is prepared like its file"
    assert seen.shape == ((16, 32, 3) if upright else (32, 16, 3))
    first = {"left": slice(1, 7), "right": slice(-7, -1), "top": slice(1, 7), "bottom": slice(-7, -1)}
    opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
    for at, colour in ((column, 0), (opposite[column], 1)):
        vertical, sideways = (first[row], first[at]) if upright else (first[at], first[row])
        corner = seen[vertical, sideways].reshape(-1, 3).mean(0)
        assert corner[colour] > 230 and corner[1 - colour] < 25, f"{CORNERS[orientation]}: {corner}"


def test_broken_exif_is_passed_over(tmp_path: Path) -> None:
    for number, exif in enumerate((b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"Exif\0\0nonsense" * 9)):
        Image.new("RGB", (20, 10), "red").save(tmp_path / f"{number}.jpg", exif=exif)
        assert opened(tmp_path / f"{number}.jpg").shape == (10, 20, 3)


def test_what_is_transparent_shows_white(tmp_path: Path) -> None:
    path = tmp_path / "some.png"
    pixels = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 128]]], np.uint8)
    for name in ("some.png", "some.webp"):
        Image.fromarray(pixels).save(tmp_path / name, **({"lossless": True, "exact": True} if "webp" in name else {}))
        assert opened(tmp_path / name)[0].tolist() == [[10, 20, 30], [255] * 3, [127] * 3]
    Image.fromarray(np.array([[[10, 255], [10, 0]]], np.uint8)).save(path)
    assert opened(path)[0].tolist() == [[10] * 3, [255] * 3]
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "L").convert("P")
    palette.putpalette([1, 2, 3, 4, 5, 6, 0, 0, 0])
    palette.save(path, transparency=1)
    assert opened(path)[0].tolist() == [[1, 2, 3], [255] * 3, [0] * 3]
    palette.save(path, transparency=bytes([255, 0, 127]))
    assert opened(path)[0].tolist() == [[1, 2, 3], [255] * 3, [128] * 3]
    Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)).save(path, transparency=(4, 5, 6))
    assert opened(path)[0].tolist() == [[1, 2, 3], [255] * 3]
    Image.fromarray(np.array([[7, 8]], np.uint8)).save(path, transparency=8)
    assert opened(path)[0].tolist() == [[7] * 3, [255] * 3]
    opaque = np.random.default_rng(0).integers(0, 256, (9, 9, 4), np.uint8)
    opaque[..., 3] = 255
    Image.fromarray(opaque).save(path)
    assert np.array_equal(opened(path), opaque[..., :3])


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK"])
def test_other_kinds_of_pixels_are_converted(tmp_path: Path, mode: str) -> None:
    path = tmp_path / f"some.{'jpg' if mode == 'CMYK' else 'png'}"
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)).convert(mode)
    image.save(path, **({"quality": 100} if mode == "CMYK" else {}))
    assert np.array_equal(opened(path), np.asarray(Image.open(path).convert("RGB")))
    assert np.abs(opened(path).astype(int) - np.asarray(image.convert("RGB"))).max() <= (24 if mode == "CMYK" else 0)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_a_film_the_first_frame_is_taken(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    more = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(tmp_path / "film.png", kind, save_all=True, append_images=frames[1:], **more)
    assert opened(tmp_path / "film.png").tolist() == [[[255, 0, 0]] * 8] * 8


def cut(share: float, kind: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(path, kind)
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return make


def claiming(path: Path) -> None:
    png(path, 60_000, 60_000, 8, 2, bytes(1000))


def as_kind(kind: str) -> Callable[[Path], None]:
    return lambda path: Image.new("RGB", (8, 8)).save(path, kind)


def endless(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def bound(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "bomb": (claiming, "more than 89,478,485 pixels; make it smaller"),
    **{f"{kind} cut at {share}": (cut(share, kind), "as an image")
       for kind in ("JPEG", "PNG", "WEBP") for share in (0.02, 0.5, 0.95)},
    "text": (lambda path: path.write_text("no image"), r"as an image \(UnidentifiedImageError\)"),
    "PostScript": (as_kind("EPS"), "as an image"),
    "TIFF": (as_kind("TIFF"), "as an image"),
    "empty": (lambda path: path.touch(), "is empty"),
    "endless": (endless, "has 1,099,511,627,776 bytes, more than an image has"),
    "pipe": (os.mkfifo, "is a pipe and no image; remove it"),
    "socket": (bound, "is a socket and no image"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a device and no image"),
    "folder": (lambda path: path.mkdir(), "is a folder and no image"),
    "link to nowhere": (lambda path: path.symlink_to("nowhere"), "it is a link that leads nowhere"),
    "link to itself": (lambda path: path.symlink_to(path.name), "can't be read"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_one_line(tmp_path: Path, kind: str) -> None:
    make, complaint = HOSTILE[kind]
    root = paint_folder(tmp_path / "images", 2, 1)
    bad = root / "train" / "dog" / "9.png"
    make(bad)
    for look in (lambda: open_image(str(bad)), lambda: examined(root), lambda: examined(root, stream=True)):
        with pytest.raises(Mistake, match=f"dog/9.png' .*{complaint}") as said:
            look()
        assert "\n" not in str(said.value)
        assert str(said.value).count("; ") == 1, "it says what to do"


def examined(root: Path, **settings: object) -> Dataset:
    """All that happens to a data set before a run has a folder."""
    data = datasets.make("folder", {"path": str(root), "cache": str(root.parent / "cache"), **settings})
    data.examine()
    return data


ODD_NAMES = [b"caf\xe9", b"a\nb", b"\x1b[2J", "a\u2028b".encode()]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_that_cannot_be_printed_are_refused(tmp_path: Path, name: bytes) -> None:
    root = paint_folder(tmp_path / "images", 2, 1)
    folder = root / "train" / os.fsdecode(name)
    (root / "train" / "dog").rename(folder)
    with pytest.raises(Mistake, match="in '.*train' has bytes that are no text in UTF-8, or .*; rename it") as one:
        find_classes(str(root / "train"))
    folder.rename(root / "train" / "dog")
    file = root / "train" / "dog" / os.fsdecode(name + b".png")
    (root / "train" / "dog" / "0.png").rename(file)
    with pytest.raises(Mistake, match="rename it") as other:
        find_images(str(root / "train"), ("cat", "dog"))
    for said in (one, other):
        assert str(said.value).isprintable() and str(said.value).encode()


@pytest.mark.parametrize("target", ["nowhere", "lost"])
def test_a_class_that_is_a_broken_link_is_named(tmp_path: Path, target: str) -> None:
    root = paint_folder(tmp_path / "images", 2, 1)
    (root / "train" / "lost").symlink_to(target)
    with pytest.raises(Mistake, match="train/lost' can't be read .*; repair or remove it"):
        examined(root)


@pytest.mark.parametrize("where", ["train", "train/dog"])
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = paint_folder(tmp_path / "images", 2, 1)
    listing = os.listdir

    def forbidden(folder: str) -> list[str]:
        if str(folder) == str(root / where):  # the super user may read every folder
            raise PermissionError(13, "Permission denied", folder)
        return listing(folder)

    monkeypatch.setattr(os, "listdir", forbidden)
    with pytest.raises(Mistake, match=rf"{where}' can't be read \(Permission denied\); repair or remove it"):
        examined(root)


def test_images_of_a_pixel_are_an_error_or_a_note(tmp_path: Path) -> None:
    root = paint_folder(tmp_path / "images", 2, 1, side=1)
    with pytest.raises(Mistake, match="cat/0.png', is 1 pixels wide or high; choose dataset.size, such as 224"):
        examined(root)
    data = datasets.make("folder", {"path": str(root), "cache": str(tmp_path / "cache"), "size": 8})
    assert data.examine() == ["6 images are below 8 pixels, such as train/cat/0.png: enlarged, they show little"]


def test_images_in_both_halves_or_in_two_classes_are_noted(tmp_path: Path) -> None:
    root = paint_folder(tmp_path / "images", 2, 2)
    (root / "test" / "cat" / "0.png").write_bytes((root / "train" / "cat" / "1.png").read_bytes())
    (root / "train" / "dog" / "0.png").write_bytes((root / "train" / "cat" / "0.png").read_bytes())
    data = datasets.make("folder", {"path": str(root), "cache": str(tmp_path / "cache")})
    assert data.examine() == [
        "1 of 4 test images are training images too (test/cat/0.png is train/cat/1.png): the accuracy on them says "
        "nothing of new images",
        "1 image is in two classes (train/dog/0.png is train/cat/0.png)",
    ]
