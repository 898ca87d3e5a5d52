"""What belongs to a mark, such as its name and its entry in the legend, and so goes where a page's filter hides it.

The page's script reads data-mark, a number in the chart for what a mark is about, and data-of, the numbers of the
marks that something belongs to. What belongs to no single one, such as a front, shows only while all marks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from unix_exp.plots.markup import data

OF_ALL = ""


class Marks:
    """The numbers of a chart's marks: one for all that are about the same."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[tuple[str, str], ...], str] = {}

    def mark(self, about: Mapping[str, str]) -> dict[str, str]:
        """The attributes of a mark; one that is about nothing, such as a printed figure, belongs to the whole chart."""
        return {**data(about), "data-mark": self._number(about)} if about else {"data-of": OF_ALL}

    def of(self, *abouts: Mapping[str, str]) -> dict[str, str]:
        """The attributes of what belongs to these marks."""
        return {"data-of": self.listed(abouts)}

    def listed(self, abouts: Iterable[Mapping[str, str]]) -> str:
        return " ".join(dict.fromkeys(self._number(about) for about in abouts if about))

    def _number(self, about: Mapping[str, str]) -> str:
        return self._numbers.setdefault(tuple(about.items()), str(len(self._numbers)))
