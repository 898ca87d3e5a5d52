"""Seeing every operation as it is executed, without PyTorch's compiler."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class Mode(TorchDispatchMode):
    """Every operation, those on functions among them."""

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing compiles in here; keeping the compiler out would import it, which takes two seconds
