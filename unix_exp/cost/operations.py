"""Counts multiply-adds while they are executed, by who they belong to; needs no weights and no data."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from unix_exp.cost.free import is_free
from unix_exp.cost.mode import Mode
from unix_exp.cost.rules import ATTENTION, PRODUCT, RULES, WHOLE, in_order

METHOD = "method"  # the role of what no network does: heads, adapters, losses, a sampler's own arithmetic


@dataclass
class Counted:
    """What was executed. With gradient means that a backward pass would go through it."""

    macs: Counter[tuple[str, bool, str]] = field(default_factory=Counter)  # by (role, with gradient, kind)
    images: Counter[tuple[str, bool]] = field(default_factory=Counter)  # by (role, with gradient)
    unpriced: Counter[str] = field(default_factory=Counter)  # how often, by the operation's name

    def total(self, role: str | None = None, with_gradient: bool | None = None, kind: str | None = None) -> int:
        """Multiply-adds of one role, with or without gradient, of one kind; of all where nothing is said."""
        asked = (role, with_gradient, kind)
        return sum(
            macs for key, macs in self.macs.items() if all(a in (None, k) for a, k in zip(asked, key, strict=True))
        )

    def seen(self, role: str, with_gradient: bool | None = None) -> int:
        """How many images a network was shown."""
        return sum(n for (who, how), n in self.images.items() if who == role and with_gradient in (None, how))

    def roles(self) -> list[str]:
        return list(dict.fromkeys([role for role, _ in self.images] + [role for role, *_ in self.macs]))

    def by_kind(self, role: str | None = None, with_gradient: bool | None = None) -> dict[str, int]:
        """Multiply-adds by kind of operation, most first."""
        kinds = {kind: self.total(role, with_gradient, kind) for *_, kind in self.macs}
        return {kind: macs for kind, macs in sorted(kinds.items(), key=lambda one: -one[1]) if macs}


class Operations:
    """`with Operations({"student": student}) as counted:` counts what is executed inside the block.

    What happens inside a call of a named network has its role, everything else has the role "method". Operations of a
    backward pass are left out, whoever asks for it: its price is an estimate from what was counted with gradient.
    """

    def __init__(self, networks: Mapping[str, nn.Module] | None = None) -> None:
        self.networks = dict(networks or {})
        self.counted = Counted()
        self._roles: list[str] = []  # the networks that are being called, innermost last
        self._inside: Callable[..., Any] | None = None  # a function of PyTorch that is executing its parts
        self._left = ExitStack()

    def __enter__(self) -> Counted:
        with ExitStack() as entered:
            entered.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")  # they would name this file; a step that is not counted repeats them
            named: set[int] = set()  # one network may have two roles; the first counts
            for role, network in self.networks.items():
                if id(network) not in named:
                    entered.enter_context(self._listening(role, network))
                named.add(id(network))
            entered.enter_context(_Executed(self))
            entered.enter_context(_Called(self))
            self._left = entered.pop_all()
        return self.counted

    def __exit__(self, *error: Any) -> None:
        self._left.close()
        self._roles.clear()

    @contextmanager
    def _listening(self, role: str, network: nn.Module) -> Iterator[None]:
        depths: list[int] = []

        def enter(module: nn.Module, inputs: Any) -> None:
            depths.append(len(self._roles))
            self._roles.append(role)

        def leave(module: nn.Module, inputs: Any, named: Any, output: Any) -> None:
            if not depths:
                return
            del self._roles[depths.pop() :]
            images = next((one for one in (*inputs, *named.values()) if isinstance(one, Tensor)), None)
            if images is not None and output is not None:  # None: it failed
                self.counted.images[role, gradient_flows(output)] += len(images)

        hooks = (
            network.register_forward_pre_hook(enter, prepend=True),
            network.register_forward_hook(leave, with_kwargs=True, always_call=True),  # after a failure as well
        )
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def whole(self, function: Callable[..., Any]) -> Iterator[None]:
        """A function of PyTorch executes its parts."""
        before, self._inside = self._inside, function
        try:
            yield
        finally:
            self._inside = before

    def add(self, kind: str, macs: int, tensors: Any) -> None:
        role = self._roles[-1] if self._roles else METHOD
        self.counted.macs[role, gradient_flows(tensors), kind] += macs

    def executed(self, operation: Any, arguments: tuple[Any, ...], named: dict[str, Any], answer: Any) -> None:
        if in_backward_pass() or self._inside in WHOLE:
            return
        name = operation._schema.name if isinstance(operation, OpOverload) else str(operation)
        if name in RULES:
            kind, rule = RULES[name]
            if kind == PRODUCT and self._attends(name, arguments):
                kind = ATTENTION
            self.add(kind, rule(arguments, answer), (arguments, named))
        elif not isinstance(operation, OpOverload) or not is_free(operation, answer):
            self.counted.unpriced[name] += 1

    def called(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if function in WHOLE and not in_backward_pass():
            kind, rule = WHOLE[function]
            self.add(kind, rule(in_order(function, arguments, named), None), (arguments, named))

    def _attends(self, name: str, arguments: tuple[Any, ...]) -> bool:
        """Whether a matrix product is attention's, which PyTorch may take apart, and on the meta device does."""
        if self._inside is F.scaled_dot_product_attention:
            return True
        if self._inside is not F.multi_head_attention_forward or name not in ("aten::bmm", "aten::baddbmm"):
            return False
        # A projection by weights may be a product of many pairs too; the weights are then one matrix repeated.
        return not any(one.stride(0) == 0 for one in arguments[:3] if isinstance(one, Tensor))


class _Executed(Mode):
    """Every operation below autograd."""

    def __init__(self, counter: Operations) -> None:
        super().__init__()
        self.counter = counter

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if isinstance(func, OpOverload) and func._schema.name not in RULES:
            with self:  # in inference mode an operation arrives before it is taken apart
                answer = func.decompose(*args, **named)
            if answer is not NotImplemented:
                return answer
        answer = func(*args, **named)
        self.counter.executed(func, args, named, answer)
        return answer


class _Called(TorchFunctionMode):
    """Every function of PyTorch, which is more than one operation for some."""

    def __init__(self, counter: Operations) -> None:
        super().__init__()
        self.counter = counter

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        with self.counter.whole(func):
            answer = func(*args, **(kwargs or {}))
        self.counter.called(func, args, kwargs or {})
        return answer


def gradient_flows(tensors: Any) -> bool:
    # Without gradient, a view of a weight still says that it requires one.
    return torch.is_grad_enabled() and any(
        isinstance(one, Tensor) and one.requires_grad for one in tree_leaves(tensors)
    )


def in_backward_pass() -> bool:
    return bool(torch._C._current_graph_task_id() != -1)
