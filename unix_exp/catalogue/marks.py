"""Follows tensors through a computation: what is computed of a marked tensor carries its marks too."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary


class Marks(TorchFunctionMode):
    """`with Marks() as marks:` follows what `marks.put` has marked, also into buffers that a step writes to.

    On the meta device there are no values to compare, and a gradient does not flow through a choice of images.
    """

    def __init__(self) -> None:
        super().__init__()
        self._of: Any = WeakTensorKeyDictionary()  # by tensor, and forgotten with it

    def put(self, tensor: Tensor, *marks: str) -> None:
        """These marks and no others."""
        self._of[tensor] = frozenset(marks)

    def of(self, things: Any) -> frozenset[str]:
        """The marks of all tensors in these things."""
        tensors = (one for one in tree_leaves(things) if isinstance(one, Tensor))
        return frozenset().union(*(self._of.get(one, ()) for one in tensors))

    def add(self, things: Any, marks: frozenset[str]) -> None:
        for one in tree_leaves(things):
            if isinstance(one, Tensor):
                self._of[one] = self.of(one) | marks

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        if marks := self.of((args, kwargs)):
            self.add(answer, marks)
            written = getattr(func, "__name__", "").removesuffix("__").endswith(("_", "setitem"))
            if written and args:  # in place, and a view's base with it
                self.add((args[0], getattr(args[0], "_base", None)), marks)
        return answer
