"""Prices as a table for people and as data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unix_exp.cost import rules
from unix_exp.cost.named import Price

CLOSE = 1e-4  # differences from fvcore below this share are no news


def table(price: Price) -> Iterator[str]:
    counted, fvcore = price.counted.by_kind(), price.fvcore
    total = price.counted.total()
    yield f"{price.name}: {price.size}x{price.size} pixels, {price.classes} classes, {price.parameters:,} parameters"
    yield row("", "GMACs", "share", "fvcore")
    for kind in [*counted, *(kind for kind in fvcore or () if kind not in counted)]:
        macs = counted.get(kind, 0)
        yield row(kind, giga(macs), share(macs, total), "" if fvcore is None else giga(fvcore.get(kind, 0)))
    yield row("total", giga(total), share(total, total), "-" if fvcore is None else giga(sum(fvcore.values())))
    yield from map("  ".__add__, remarks(price))


def row(kind: str, macs: str, of_all: str, fvcore: str) -> str:
    return f"  {kind:20}{macs:>12}{of_all:>10}{fvcore:>12}".rstrip()


def giga(macs: int) -> str:
    return f"{macs / 1e9:,.4f}" if macs else "-"


def share(macs: int, total: int) -> str:
    return f"{100 * macs / total:.1f} %" if total else "-"


def remarks(price: Price) -> Iterator[str]:
    if price.fvcore is None:
        yield "fvcore cannot trace this network"
    elif said := why_different(price):
        yield said
    if price.counted.unpriced:
        named = (f"{name} ({times}x)" for name, times in price.counted.unpriced.items())
        yield f"not priced, so left out of the total: {', '.join(named)}"


def why_different(price: Price) -> str | None:
    """In a sentence, or None where fvcore agrees."""
    total, fvcore = price.counted.total(), price.fvcore or {}
    missing = total - sum(fvcore.values())
    if abs(missing) <= CLOSE * total:
        return None
    if abs(missing - price.counted.total(kind=rules.ATTENTION)) <= CLOSE * total:
        return f"fvcore is {missing / 1e9:,.4f} below: it leaves out the matrix products of attention"
    above = "below" if missing > 0 else "above"
    return f"fvcore is {abs(missing) / 1e9:,.4f} {above}; docs/cost.md says what is priced otherwise"


def data(price: Price) -> dict[str, Any]:
    counted, fvcore = price.counted, price.fvcore
    return {
        "name": price.name,
        "size": price.size,
        "classes": price.classes,
        "parameters": price.parameters,
        "gmacs": counted.total() / 1e9,
        "gmacs_by_kind": {kind: macs / 1e9 for kind, macs in counted.by_kind().items()},
        "fvcore_gmacs": None if fvcore is None else sum(fvcore.values()) / 1e9,
        "unpriced": dict(counted.unpriced),
    }
