"""Which images a command line names."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from unix_exp.data.files import ENDINGS
from unix_exp.types import Mistake


def check_order(network: Path, images: Sequence[str]) -> None:
    """Refuse an image in the network's place, or a network among the images: they were given the other way round."""
    swapped = next((one for one in images if is_network(Path(one).expanduser())), None)
    if swapped is not None and not is_network(network.expanduser()):
        rest = " ".join([str(network), *(one for one in images if one != swapped)])
        raise Mistake(f"the network comes first: python -m unix_exp.predict {swapped} {rest}")
    if network.suffix.lower() in ENDINGS:
        raise Mistake(f"{network} is an image; the network comes first: python -m unix_exp.predict RUN {network}")


def is_network(path: Path) -> bool:
    """A run's folder, or a file that is no image and no pattern."""
    return (path / "result.json").is_file() or (path.is_file() and path.suffix.lower() not in ENDINGS)


def images_in(given: Sequence[str]) -> list[str]:
    """Files as they are given, those of folders by their ending; in the order given, each once."""
    return list(dict.fromkeys(path for one in given for path in found(os.path.expanduser(one))))


def found(path: str) -> Iterator[str]:
    if os.path.isdir(path):
        yield from of_folder(path)
    elif os.path.exists(path):
        yield path
    else:
        matching = sorted(glob.glob(path, recursive=True))
        if not matching:
            raise Mistake(f"'{path}' does not exist, and no file is called like that; give files, folders or patterns")
        for one in matching:
            yield from of_folder(one) if os.path.isdir(one) else [one]


def of_folder(path: str) -> Iterator[str]:
    images = [
        os.path.join(folder, name)
        for folder, inner, names in os.walk(path, onerror=refuse)
        for name in sorted_with(inner, names)
        if name.lower().endswith(ENDINGS)
    ]
    if not images:
        raise Mistake(f"'{path}' has no images in it")
    yield from images


def sorted_with(inner: list[str], names: list[str]) -> list[str]:
    """Also put the folders into an order that is the same everywhere, and pass over what is hidden."""
    inner[:] = sorted(name for name in inner if not name.startswith("."))
    return sorted(name for name in names if not name.startswith("."))


def refuse(error: OSError) -> None:
    raise Mistake(f"'{error.filename}' cannot be read ({error.strerror})")
