"""Whatever conf/ offers composes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from unix_exp import config
from unix_exp.config import compose


def choices() -> list[tuple[str, ...]]:
    """Every choice of every group; of the groups whose choices change nothing but themselves, one each at a time."""
    alone, apart = [], []
    for folder in sorted(config.choices_folder().iterdir()):
        if folder.name not in ("model", "assistant", "sweep"):
            found = [f"{folder.name}={path.stem}" for path in sorted(folder.glob("*.yaml"))]
            (alone if any("package _global_" in path.read_text() for path in folder.glob("*.yaml")) else apart).append(
                found
            )
    together = itertools.zip_longest(*apart)
    return [(word,) for found in alone for word in found] + [tuple(filter(None, words)) for words in together]


# What only the user knows.
MISSING = {"dataset=folder": ("path",), "dataset=listed": ("path",), "dataset=torchvision": ("set",)}


@pytest.fixture(scope="module")
def hydra() -> Iterator[None]:
    """For all of them: what one composition has read the others need not read again."""
    compose.prepare(())
    with compose.hydra_ready():
        yield


@pytest.mark.parametrize("words", choices(), ids=" ".join)
def test_every_choice_of_every_group_composes(hydra: None, words: tuple[str, ...]) -> None:
    extra = [f"dataset.{name}=somewhere" for word in words for name in MISSING.get(word, ())]
    settings = config.resolve(compose.composed((*words, *extra)))
    assert settings["recipe"]["lr"] > 0
