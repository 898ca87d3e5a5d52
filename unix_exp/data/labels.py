"""Labels of any kind as the numbers of classes, whose names are text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from unix_exp.ranges import printable
from unix_exp.types import Mistake
from unix_exp.words import as_line

LONGEST = 200  # characters of a class's name
WHOLE = re.compile(rf"-?\d{{1,{LONGEST}}}")


def numbered(
    name: str, halves: Mapping[str, Sequence[Any]], classes: Sequence[Any] | None = None
) -> tuple[tuple[str, ...], dict[str, list[int]]]:
    """The names of the classes and each half's labels as numbers.

    Names come in the order given, or else sorted: as numbers where all are whole numbers. A whole number stands for the
    class with that number where classes are given, and for a class of that name where not.
    """
    found = {label for labels in halves.values() for label in labels}
    for label in found:
        if isinstance(label, bool) or not isinstance(label, (int, str)):
            raise Mistake(f"'{name}' has a label of {type(label).__name__}; a label is a class's name or its number")
    if classes is None:
        whole = all(isinstance(label, int) or WHOLE.fullmatch(label) for label in found)
        known = sorted(found, key=lambda label: (int(label), str(label)) if whole else (0, str(label)))
        number = {label: place for place, label in enumerate(known)}
        names = tuple(str(label) for label in known)
    else:
        names = tuple(str(one) for one in classes)
        number = {label: place for place, label in enumerate(names)} | {place: place for place in range(len(names))}
    check_names(name, names)
    for half, labels in halves.items():
        for place, label in enumerate(labels):
            if label not in number:
                raise Mistake(f"'{name}' has label {as_line(str(label))[:LONGEST]} ({half} image {place}), of no class")
    numbers = {half: [number[label] for label in labels] for half, labels in halves.items()}
    trained = set(numbers["train"])
    for half, labels in numbers.items():
        if (foreign := next((label for label in labels if label not in trained), None)) is not None:
            raise Mistake(f"'{name}' has class '{names[foreign]}' among its {half} images and no training image of it")
    return names, numbers


def check_names(name: str, classes: Sequence[str]) -> None:
    """Names are printed, recorded and drawn."""
    if len(classes) < 2:
        raise Mistake(f"'{name}' has {len(classes)} classes; it needs two or more")
    if len(set(classes)) < len(classes):
        twice = next(one for one in classes if classes.count(one) > 1)
        raise Mistake(f"'{name}' has two classes called '{as_line(twice)[:LONGEST]}'; give each a name of its own")
    for one in classes:
        if not one or len(one) > LONGEST or not printable(one):
            raise Mistake(
                f"'{name}' has a class called {one[:LONGEST]!a}; a name is one line of 1 to {LONGEST} characters"
            )
