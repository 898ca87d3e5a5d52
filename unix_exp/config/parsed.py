"""A word of a command as Hydra reads it, which takes a millisecond, and several parts of a command ask for each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override


@lru_cache(4096)
def parsed_word(word: str) -> Override:
    """To be read, not to be changed."""
    (override,) = OverridesParser.create().parse_overrides([word])
    return override


def parsed_words(words: Iterable[str]) -> list[Override]:
    return [parsed_word(word) for word in words]
