"""What arms are called: their method's name, and of the settings in which others of that name differ as few as tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Named: TypeAlias = "tuple[str, Mapping[str, Any]]"  # a method's name, and all settings by dotted name

FEW = 3  # settings in a label; where more differ, those that suffice to tell all arms apart
PARTS = "criterion"  # the group whose members are named by their keys, not by a name in them


def labelled(members: Sequence[Named]) -> list[str]:
    """Short: a setting that follows from another one is left out."""
    return written(members, telling)


def detailed(members: Sequence[Named]) -> list[str]:
    """With every setting in which others of that name differ."""
    return written(members, lambda those: {key: [one.get(key) for one in those] for key in differing_in(those)})


def written(members: Sequence[Named], chosen: Callable[[Sequence[Mapping[str, Any]]], Columns]) -> list[str]:
    same: dict[str, list[int]] = {}
    for place, (method, _) in enumerate(members):
        same.setdefault(method, []).append(place)
    labels = [method for method, _ in members]
    for method, places in same.items():
        those = [members[place][1] for place in places]
        columns = chosen(those)
        for number, place in enumerate(places):
            has = those[number]
            parts = [f"{short(key)}={shown(values[number])}" for key, values in columns.items()
                     if key in has or key == PARTS]  # fmt: skip
            labels[place] = f"{method} {', '.join(parts)}".strip()
    return labels


Columns: TypeAlias = "dict[str, list[Any]]"  # a setting's value in each member


def telling(those: Sequence[Mapping[str, Any]]) -> Columns:
    """Settings that differ, without those that follow from the component that was chosen or go with another one."""
    columns: Columns = {key: [one.get(key) for one in those] for key in differing_in(those)}
    sets = ["+".join(dict.fromkeys(key.split(".")[1] for key in one if key.startswith(f"{PARTS}."))) for one in those]
    if len(set(sets)) > 1:
        columns = {PARTS: sets, **columns}
    kept: Columns = {}
    seen: set[tuple[int, ...]] = set()
    for key, values in columns.items():
        group = key.split(".")[0]
        chooser = columns.get(f"{group}.name") or (columns.get(PARTS) if group == PARTS else None)
        if chooser is not None and chooser is not values and follows(values, chooser):
            continue
        if (parts := partition(values)) not in seen:
            seen.add(parts)
            kept[key] = values
    return kept if len(kept) <= FEW else sufficient(kept)


def follows(values: Sequence[Any], chooser: Sequence[Any]) -> bool:
    """Whether each choice has one value."""
    return len(set(zip(map(str, chooser), map(str, values), strict=True))) == len(set(map(str, chooser)))


def partition(values: Sequence[Any]) -> tuple[int, ...]:
    """Which members have the same value, as numbers in the order in which values occur."""
    numbers: dict[str, int] = {}
    return tuple(numbers.setdefault(str(value), len(numbers)) for value in values)


def sufficient(columns: Columns) -> Columns:
    """As few settings as tell all members apart, those with the most values first."""
    ranked = sorted(columns, key=lambda key: -len(set(map(str, columns[key]))))
    chosen: list[str] = []
    apart = 1
    for key in ranked:
        count = len(set(zip(*(partition(columns[one]) for one in [*chosen, key]), strict=True)))
        if count > apart:
            chosen, apart = [*chosen, key], count
    return {key: values for key, values in columns.items() if key in chosen}


def differing_in(those: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings that are not alike in all; each is held against the first, because pairs of thousands take hours."""
    first, keys = those[0], dict.fromkeys(key for one in those for key in one)
    return [key for key in keys if any(one.get(key) != first.get(key) for one in those)]


def short(key: str) -> str:
    """sampler.k -> k, sampler.name -> sampler; a setting that is unclear without its group keeps the group."""
    group, _, name = key.rpartition(".")
    if name == "name" and group:
        return group
    return key if group.startswith(PARTS) or name == "weight" else name


def shown(value: Any) -> str:
    return "null" if value is None else str(value)
