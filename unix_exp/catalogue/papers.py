"""The papers that a component comes from, read from its docstring: (Author, Author and Author YEAR, arXiv NUMBER)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

BRACKETED = re.compile(r"\(([^()]*)\)")
REFERENCE = re.compile(r"([A-Z][^\d]*?),? ((?:19|20)\d\d)(?:, arXiv (\d{4}\.\d{4,5}))?(?:, .*)?")


class Paper(NamedTuple):
    authors: str  # as the docstring has them
    year: int
    arxiv: str | None

    @property
    def short(self) -> str:
        """Xu et al. 2020"""
        names = re.split(r", | and ", self.authors)
        return f"{names[0]} et al. {self.year}" if len(names) > 2 else f"{self.authors} {self.year}"

    def __str__(self) -> str:
        return f"{self.authors} {self.year}" + (f", arXiv {self.arxiv}" if self.arxiv else "")


def papers_of(constructor: Callable[..., Any]) -> tuple[Paper, ...]:
    """Those in the first brackets of the component's own docstring that name any, else of its file's."""
    module = sys.modules.get(constructor.__module__)
    for text in (constructor.__doc__, getattr(module, "__doc__", None)):
        for bracketed in BRACKETED.findall(" ".join((text or "").split())):
            if found := references(bracketed):
                return found
    return ()


def references(text: str) -> tuple[Paper, ...]:
    """What stands between brackets, several parted by semicolons."""
    found = map(REFERENCE.fullmatch, text.split("; "))
    return tuple(Paper(one[1], int(one[2]), one[3]) for one in found if one)
