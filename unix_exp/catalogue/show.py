"""Methods as a table for a terminal, as Markdown, and as data for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from unix_exp.catalogue.methods import Method
from unix_exp.catalogue.needs import Needs
from unix_exp.words import size_in_words

WIDTH = 100
COLUMNS = (("method", 23), ("paper", 28), ("needs", 37))  # then the cost
SAID = {"features": "maps"}  # what a reader calls a part of an output
NO_PAPER = "-"


def head() -> str:
    return (" ".join(f"{title:{width}}" for title, width in COLUMNS) + f"{'% of KD':>{last()}}").rstrip()


def last() -> int:
    return WIDTH - sum(width + 1 for _, width in COLUMNS) + 1


def block(method: Method) -> Iterator[str]:
    """A method in some lines: its paper, needs and cost in columns, below them what it is and its settings."""
    texts = (method.name, named(method), needs_of(method))
    columns = [textwrap.wrap(text, width) or [""] for text, (_, width) in zip(texts, COLUMNS, strict=True)]
    for number in range(max(map(len, columns))):
        cells = [lines[number] if number < len(lines) else "" for lines in columns]
        row = " ".join(f"{cell:{width}}" for cell, (_, width) in zip(cells, COLUMNS, strict=True))
        yield (row + (f"{cost_of(method):>{last()}}" if number == 0 else "")).rstrip()
    for text in filter(None, (method.about, settings_of(method))):
        yield from textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def named(method: Method) -> str:
    return "; ".join(one.short for one in method.papers) or NO_PAPER


def cost_of(method: Method) -> str:
    if method.percent is None or not isinstance(method.needs, Needs):
        return "-"
    return f"{'<= ' if method.needs.ledger.at_most else ''}{method.percent[0]:.2f}"


def settings_of(method: Method) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in method.settings.items())


def shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(one)}" for key, one in value.items()) + "}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def needs_of(method: Method) -> str:
    if method.needs is None:
        return ""
    return method.needs if isinstance(method.needs, str) else "; ".join(needed(method.needs))


def needed(needs: Needs) -> Iterator[str]:
    """In words, what is out of the ordinary last."""
    if needs.labels:
        yield "labels"
    for role, parts in needs.parts.items():
        trained = "" if needs.networks[role] == "frozen" else ", trained too"
        said = listed([SAID.get(part, part) for part in parts])
        yield f"{role}'s {said}{trained}" if parts else f"a {role}{trained}"
    if needs.scouts:
        yield "a scouting pass"
    if needs.memory:
        yield f"{size_in_words(needs.memory)} an image"
    if needs.weights:
        yield f"{needs.weights:,} {'weight' if needs.weights == 1 else 'weights'} of its own"
    if needs.larger:
        yield "a larger student"
    if len(needs.stages) > 1:
        yield f"{len(needs.stages)} stages"
    if needs.stored is not None and needs.networks:
        yield "not on stored answers"


def listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def markdown(methods: Sequence[Method]) -> Iterator[str]:
    """A table of GitHub's Markdown, a paragraph a method too long for a terminal."""
    yield "| method | paper | needs | % of KD |"
    yield "| --- | --- | --- | ---: |"
    for method in methods:
        papers = "; ".join(map(str, method.papers)) or NO_PAPER
        yield f"| `{method.kind}={method.name}` | {papers} | {needs_of(method)} | {cost_of(method)} |"


def data(method: Method) -> dict[str, Any]:
    needs = method.needs
    found: dict[str, Any] = {
        "kind": method.kind,
        "name": method.name,
        "about": method.about,
        "papers": [{"authors": one.authors, "year": one.year, "arxiv": one.arxiv} for one in method.papers],
        "settings": method.settings,
    }
    if isinstance(needs, str):
        return {**found, "impossible": needs}
    if needs is None or method.percent is None:
        return found
    return {
        **found,
        "labels": needs.labels,
        "reads": {role: list(parts) for role, parts in needs.parts.items()},
        "networks": dict(needs.networks),
        "memory_bytes_per_image": needs.memory,
        "own_weights": needs.weights,
        "larger_student": needs.larger,
        "scouting_passes": needs.scouts,
        "stages": dict(needs.stages),
        "stored_answers": needs.stored is None,
        **({} if needs.stored is None else {"why_not_stored": needs.stored}),
        "at_most": needs.ledger.at_most,
        "percent_of_kd": method.percent[0],
        "percent_of_kd_backward_2": method.percent[1],
    }
