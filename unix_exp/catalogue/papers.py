"""The paper that a component comes from, read from its docstring: (Author, Author and Author YEAR, arXiv NUMBER)."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

REFERENCE = re.compile(r"\(([A-Z][^()\d]*?),? ((?:19|20)\d\d)(?:, arXiv (\d{4}\.\d{4,5}))?(?:, [^()]*)?\)")


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


def paper_of(constructor: Callable[..., Any]) -> Paper | None:
    """The first reference of the component's own docstring, else of its file's; None where neither has one."""
    module = sys.modules.get(constructor.__module__)
    for text in (constructor.__doc__, getattr(module, "__doc__", None)):
        if found := REFERENCE.search(" ".join((text or "").split())):
            return Paper(found[1], int(found[2]), found[3])
    return None
