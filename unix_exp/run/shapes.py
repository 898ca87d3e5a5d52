"""Whether a value from a file has its declared shape: typed dictionaries, lists and plain values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict


def mismatch(value: Any, kind: Any, name: str) -> str | None:
    """Where a value does not fit its declared type, in words."""
    origin, arguments, of_keys, of_numbers = parts_of(kind)
    if kind is Any or (of_numbers and all_finite(value)):
        return None
    if of_keys:
        return mismatch_of_keys(value, kind, name)
    if origin in (Union, UnionType):
        flaws = [mismatch(value, one, name) for one in arguments]
        return None if None in flaws else flaws[0]
    fits = finite(value) if kind is float else isinstance(value, origin or kind)
    if not fits:
        return f"{name} is {str(value)[:40]!r}"
    inside = value if origin is list else value.values() if origin is dict else ()
    flaws = [mismatch(one, arguments[-1], f"a value in {name}") for one in inside]
    return next(filter(None, flaws), None)


def mismatch_of_keys(value: Any, kind: Any, name: str) -> str | None:
    if not isinstance(value, Mapping):
        return f"{name} is {str(value)[:40]!r}"
    missing = sorted(kind.__required_keys__ - value.keys())
    if missing:
        return f"{missing[0]} is missing in {name}"
    flaws = [mismatch(value[key], one, key) for key, one in hints(kind).items() if key in value]
    return next(filter(None, flaws), None)


@cache
def parts_of(kind: Any) -> tuple[Any, tuple[Any, ...], bool, bool]:
    return get_origin(kind), get_args(kind), is_typeddict(kind), kind in (list[float], list[float | None])


@cache
def hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def all_finite(values: object) -> bool:
    """Whether a list surely holds finite numbers alone, in a fraction of the time that asking each one takes."""
    try:
        return isinstance(values, list) and math.isfinite(math.fsum(values))
    except (TypeError, ValueError, OverflowError):
        return False


def finite(value: object) -> bool:
    try:
        return isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:
        return False  # a whole number beyond all floats
