"""One colour and one marker for each method, in the whole report.

The paper's families have the same ones in every report that is ever made, whatever else was run. With something added,
such as another loss, a method keeps its colour and has another marker; with stored answers its marker is an open one.
Arms of one method that differ in other settings are told apart by dashes and by their labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from unix_exp import paper
from unix_exp.paper import families
from unix_exp.plots.markers import SHAPES, Style
from unix_exp.plots.style import HUES
from unix_exp.report.arms import STORED, Arm, Group

ADDED = re.compile(r"\+|, ")  # between a method and what is added to it


def dressed(found: Sequence[Group], others: Iterable[str] = ()) -> list[Group]:
    """The groups with one style for each method of all of them, and of others that the report draws."""
    styles = of_families((arm.family for group in found for arm in group.arms), others)
    return [replace(group, arms=tuple(in_style(group.arms, styles)), styles=styles) for group in found]


def in_style(arms: Sequence[Arm], styles: Mapping[str, Style]) -> Iterator[Arm]:
    """The first arm of a family in its style, the others in that of its relatives."""
    seen: Counter[str] = Counter()
    for arm in arms:
        yield replace(arm, look=styles[arm.family].relative(seen[arm.family]))
        seen[arm.family] += 1


def of_families(names: Iterable[str], others: Iterable[str] = ()) -> dict[str, Style]:
    """A style for each of the paper's, then for those that were run, by name, then for others."""
    names = [name.removesuffix(STORED) for name in names]
    known = families.in_order()
    shown = Counter(known.index(base) for base in {ADDED.split(name)[0] for name in names} if base in known)
    styles: dict[str, Style] = {}
    bases: dict[str, list[Style]] = {}  # the styles of a method with all that is added to it, its own first
    for stem in [*fixed(), *sorted(set(names)), *sorted({name.removesuffix(STORED) for name in others})]:
        if stem not in styles:
            same = bases.setdefault(ADDED.split(stem)[0], [])
            colour = same[0].colour if same else free_colour(len(bases) - 1, shown)
            shown[colour] += not same and stem not in known
            styles[stem] = Style(colour, free_shape(colour, styles.values()), len(same))
            same.append(styles[stem])
    return {**styles, **{stem + STORED: style._replace(open=True) for stem, style in styles.items()}}


def fixed() -> Iterator[str]:
    """The paper's families, and those with each thing that it adds to a loss: they come first and so never change."""
    known = families.in_order()
    yield from known
    for family in known[:-1]:  # the last has no teacher
        yield from (family + added for added in paper.published()["objectives"].values() if added)


def free_colour(number: int, shown: Mapping[int, int]) -> int:
    """Of one of the paper's families its own; of others the one that fewest methods have that the report shows."""
    return number if number < len(families.in_order()) else min(range(HUES), key=lambda one: (shown[one], one))


def free_shape(colour: int, styles: Iterable[Style]) -> int:
    """The marker that is least used in a colour; of several the first, counted from the colour's own number."""
    taken = [style.shape for style in styles if style.colour == colour]
    order = [(colour + step) % len(SHAPES) for step in range(len(SHAPES))]
    return min(order, key=lambda shape: (taken.count(shape), order.index(shape)))
