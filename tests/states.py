"""Whether two trainings have told the same and are in the same state, bit for bit, but for what took how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten_with_path


def untimed(values: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not name.startswith("time/")}


def timeless(state: Mapping[str, Any]) -> dict[str, Any]:
    return {**state, "progress": {**state["progress"], "seconds": None}}


def differences(some: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """Where two states differ in any bit."""
    ours, theirs = (
        {"".join(map(str, path)): leaf for path, leaf in tree_flatten_with_path(state)[0]} for state in (some, others)
    )
    return [
        name
        for name in {**ours, **theirs}
        if name not in ours or name not in theirs or not same(ours[name], theirs[name])
    ]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        equal = torch.equal(one.nan_to_num(nan=-1e30), other.nan_to_num(nan=-1e30))
        return equal and one.dtype == other.dtype
    return bool(one == other)
