"""Opening one image file, whoever made it: as a viewer shows it, or one line that names the file."""

from __future__ import annotations

import os
import stat
import warnings
from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL import Image

from unix_exp.types import Mistake

# Whatever the ending says; Pillow's rarer readers are for files that one trusts.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MOST_PIXELS = 89_478_485  # where Pillow begins to warn: a file of some kilobytes can claim to be any size
MOST_BYTES = 2**29
PLAIN = {"1", "L", "P", "RGB", "CMYK", "YCbCr", "LAB", "HSV"}  # kinds of pixels that Pillow converts rightly
ORIENTATION = 0x0112
HOLD_EXIF = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}  # fmt: skip

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # we refuse what it warns of

Stamp = tuple[int, int, int, int]  # size, time of change, time of any change, inode: another if the file is another


def stamp_of(found: os.stat_result) -> Stamp:
    # Within 63 bits, so that they fit an array; some file systems use all 64.
    one, two = found.st_mtime_ns & (2**63 - 1), found.st_ctime_ns & (2**63 - 1)
    return found.st_size, one, two, found.st_ino & (2**63 - 1)


def looked_up(path: str) -> Stamp:
    """The stamp of a file that can be opened without harm."""
    try:
        return harmless(path, os.stat(path))
    except OSError as error:
        raise unreadable(path, error) from None


def harmless(path: str, found: os.stat_result) -> Stamp:
    """Reading a pipe or a device may never end."""
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise Mistake(f"'{shown(path)}' is {kind} and no image; remove it")
    if not 0 < found.st_size <= MOST_BYTES:
        size = "is empty" if found.st_size == 0 else f"has {found.st_size:,} bytes, more than an image has"
        raise Mistake(f"'{shown(path)}' {size}; repair or remove it")
    return stamp_of(found)


def opened(path: str) -> tuple[BinaryIO, Stamp]:
    """A file to read from, and its stamp."""
    try:
        file = open(path, "rb", opener=without_waiting)  # noqa: SIM115  # the caller closes it
    except OSError as error:
        looked_up(path)  # what it is says more than why it can't be opened
        raise unreadable(path, error) from None
    try:
        return file, harmless(path, os.fstat(file.fileno()))
    except BaseException:
        file.close()
        raise


def content(path: str) -> tuple[bytes, Stamp]:
    """All bytes of a file, and its stamp."""
    file, stamp = opened(path)
    with file:
        try:
            return file.read(MOST_BYTES), stamp
        except OSError as error:
            raise unreadable(path, error) from None


def without_waiting(path: str, flags: int) -> int:
    """Opening a pipe would wait for somebody to write."""
    return os.open(path, flags | WITHOUT_WAITING)


def unreadable(path: str, error: OSError) -> Mistake:
    why = "it is a link that leads nowhere" if os.path.islink(path) and not os.path.exists(path) else error.strerror
    return Mistake(f"'{shown(path)}' can't be read ({why or type(error).__name__}); repair or remove it")


def shown(path: str) -> str:
    """A path that can be printed, whatever bytes it consists of."""
    return path.encode("utf-8", "backslashreplace").decode()


def open_image(path: str) -> Image.Image:
    """A file as RGB."""
    file, _ = opened(path)
    with file:
        return decoded(file, path)


def image_of(given: Image.Image | str | os.PathLike[str]) -> Image.Image:
    """A file, or an image that other code has opened, as RGB: the same picture either way."""
    return as_colours(given, "the image") if isinstance(given, Image.Image) else open_image(os.fspath(given))


def decoded(file: BinaryIO, path: str) -> Image.Image:
    """What a viewer shows, as RGB: of several frames the first, upright, of sixteen bits the upper eight."""
    try:
        with read(file) as image:
            deep = any(str(tile[3]).endswith("16B") for tile in image.tile)
            image.load()
            return upright(in_colour(image, deep), image)
    except Mistake:
        raise
    except Exception as error:  # a file that is no image can fail in any way
        raise broken(path, error) from error


def as_colours(image: Image.Image, name: str) -> Image.Image:
    """An image that another library opened, treated like a file: RGB, upright."""
    try:
        if image.width * image.height > MOST_PIXELS:
            raise Image.DecompressionBombError
        deep = any(str(tile[3]).endswith("16B") for tile in getattr(image, "tile", ()))
        image.load()
        return upright(in_colour(image, deep), image)
    except Exception as error:
        raise broken(name, error) from error


def read(file: BinaryIO) -> Image.Image:
    """An image of which only the header was read."""
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        raise Image.DecompressionBombError
    return image


def broken(path: str, error: Exception) -> Mistake:
    if isinstance(error, Image.DecompressionBombError):
        return Mistake(f"'{shown(path)}' has more than {MOST_PIXELS:,} pixels; make it smaller or remove it")
    return Mistake(f"'{shown(path)}' can't be read as an image ({type(error).__name__}); repair or remove it")


def in_colour(image: Image.Image, deep: bool) -> Image.Image:
    """RGB of any kind of pixels; what is transparent shows white."""
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        grey = (values >> 8).astype(np.uint8)  # Pillow's own conversion makes everything above 255 white
        grey[values == image.info.get("transparency")] = 255
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        hidden = image.info.get("transparency")
        if deep and isinstance(hidden, tuple):
            image.info["transparency"] = tuple(value >> 8 for value in hidden)  # like the pixels
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    if image.mode not in PLAIN:
        raise TypeError(f"pixels of kind {image.mode}")
    return image.convert("RGB")


def upright(colours: Image.Image, image: Image.Image) -> Image.Image:
    """Turned as the camera noted; a note that can't be read is passed over, as viewers do.

    What is turned has no note any more: who is given it would turn it again.
    """
    if HOLD_EXIF.isdisjoint(image.info):
        return colours
    for key in HOLD_EXIF & colours.info.keys():
        del colours.info[key]
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:
        return colours
    return colours if turn is None else colours.transpose(turn)


def side_of(data: bytes, path: str) -> int:
    """The shorter side in pixels, from the header; where the end is missing, all is decoded to see if it matters."""
    if not whole(data):
        return min(decoded(BytesIO(data), path).size)
    try:
        return min(read(BytesIO(data)).size)
    except Exception as error:
        raise broken(path, error) from error


def whole(data: bytes) -> bool:
    """Whether a file has the end that belongs to its beginning."""
    if data.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in data[-4096:]
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-4096:]
    return data.startswith(b"RIFF") and int.from_bytes(data[4:8], "little") + 8 <= len(data)
