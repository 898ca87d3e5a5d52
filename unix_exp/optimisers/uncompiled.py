"""PyTorch's optimisers without its compiler, which takes two seconds to import and does nothing for them.

plain(torch.optim.SGD) -> the same class, which leaves the compiler alone until somebody imports it

A method that is not to be compiled is marked for the compiler when it is first called, and a step tells the compiler
where to break its graph; for both PyTorch imports it, whether or not the process ever compiles anything.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

MARK = "__dynamo_disable"  # under which PyTorch keeps a method that was marked


@cache
def plain(kind: Any) -> Any:
    """Its step runs without gradient, as PyTorch's does unless it is to be differentiated."""
    import torch  # here, because the report asks for optimisers' settings and needs no PyTorch
    from torch.optim import Optimizer

    for method in vars(Optimizer).values():
        inside = getattr(method, "__wrapped__", None)
        if inside is not None and not hasattr(inside, MARK):
            setattr(inside, MARK, marked_when_it_matters(inside))
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {"step": step, "__module__": kind.__module__, "__doc__": kind.__doc__})


def marked_when_it_matters(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def called(*words: Any, **named: Any) -> Any:
        if "torch._dynamo" not in sys.modules:
            return method(*words, **named)
        import torch._dynamo

        marked = torch._dynamo.disable(method, wrapping=False)
        setattr(method, MARK, marked)
        return marked(*words, **named)

    return called
