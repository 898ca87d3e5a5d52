"""Whether a tensor that was kept can stand where a run has its own."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def alike(kept: object, own: Tensor) -> bool:
    return isinstance(kept, Tensor) and (kept.shape, kept.dtype, kept.layout) == (own.shape, own.dtype, own.layout)


def all_alike(kept: object, own: Mapping[str, Tensor]) -> bool:
    """Whether these are tensors of the same names, each like its own."""
    return (
        isinstance(kept, Mapping)
        and kept.keys() == own.keys()
        and all(alike(kept[name], one) for name, one in own.items())
    )
