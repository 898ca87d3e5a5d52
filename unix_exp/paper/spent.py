"""What the accuracies cost that other papers print: their authors' settings, priced as counted here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from unix_exp import paper
from unix_exp.paper import families

UNKNOWN = "its authors' settings are in no text at hand"
NOT_HERE = "not implemented here, so not counted"
OF_THE_PAPER = "the UNIX paper"


class Printed(NamedTuple):
    """One accuracy that a source prints."""

    method: str
    source: str
    pair: str
    top1: float
    percent: float | None  # of the compute of KD over the usual schedule; None where it cannot be said
    why: str = ""  # it cannot
    criterion: str | None = None  # what its loss beside labels is called here; None: not here, or of the UNIX paper
    gain: float | None = None  # over KD of the same pair: the source's own, or the one that most sources reprint
    sampler: str = ""  # of the UNIX paper's

    @property
    def family(self) -> str:
        """What figures call the method, whatever its settings."""
        return families.of_sampler(self.sampler) if self.sampler else self.method


@cache
def field(dataset: str) -> dict[str, Any]:
    found: dict[str, Any] = paper.published("field")[dataset]
    return found


@cache
def counted() -> Mapping[str, Mapping[str, float]]:
    """Per cent of a step of KD, by criterion and pair."""
    return paper.published("field_prices")


def printed(dataset: str) -> list[Printed]:
    """Every figure of other papers, then those of the UNIX paper on the same pairs, whose compute is as printed."""
    facts = field(dataset)
    kd = next(row["top1"] for row in facts["methods"].values() if row.get("baseline"))
    found = []
    for name, row in facts["methods"].items():
        for pair, top1, plain in zip(facts["pairs"], row["top1"], kd, strict=True):
            if top1 is not None:
                percent, why = cost(row, pair, facts)
                found.append(Printed(name, row["source"], pair, top1, percent, why, row["criterion"], top1 - plain))
    return [*found, *of_the_paper(dataset, facts["pairs"])]


def cost(row: Mapping[str, Any], pair: str, facts: Mapping[str, Any]) -> tuple[float | None, str]:
    """Epochs, views and the price of a step, beside KD over the usual schedule."""
    spends, criterion = row["spends"], row.get("as") or row["criterion"]
    if spends is None:
        return None, UNKNOWN
    if criterion not in counted():
        return None, NOT_HERE
    return epochs_of(spends, pair) / facts["conventional"]["epochs"] * spends["views"] * counted()[criterion][pair], ""


def epochs_of(spends: Mapping[str, Any], pair: str) -> int:
    longer = spends.get("long") or {"students": []}
    epochs: int = longer["epochs"] if paper.split(pair)[1] in longer["students"] else spends["epochs"]
    return epochs


def of_the_paper(dataset: str, pairs: Sequence[str]) -> list[Printed]:
    """Of the tables that print compute: KD and the method that the paper proposes, without labels and other losses."""
    usual, own = paper.published()["conventional"], paper.published()["own"]
    found = []
    for table in (one for one in paper.tables().values() if one["dataset"] == dataset):
        rows = [row for row in table["rows"] if paper.criterion_of(row) == usual["criterion"] and "compute" in row]
        plain = [row["accuracy"] for row in rows if paper.is_baseline(row)]
        for row in rows:
            for column, pair in enumerate(table["pairs"]):
                if pair in pairs and (paper.is_baseline(row) or row["sampler"] == own):
                    top1 = row["accuracy"][column]
                    found.append(Printed(row["name"], OF_THE_PAPER, pair, top1, row["compute"][column],
                                         gain=top1 - plain[0][column], sampler=row["sampler"]))  # fmt: skip
    return found
