"""Networks, sampler, criteria and settings as one method: for runs, for the trial and for the bench alike.

Nothing is replaced or set in a method after it was assembled: its networks are ready when they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.engine.randomness import set_seed
from unix_exp.engine.still import with_still_batch_norms
from unix_exp.registry import distillers
from unix_exp.run import components
from unix_exp.run.networks import further_roles
from unix_exp.types import Dataset, Facts, Mistake, Output

HEADS = 2**20  # added to a run's seed, so that heads do not draw the same numbers as the student


class Shapes(Mapping[str, Output]):
    """Each network's output of a batch, as tensors without values; computed when it is first asked for."""

    def __init__(self, shadows: Mapping[str, nn.Module], batch: int, size: int) -> None:
        self._shadows, self._images = dict(shadows), (batch, 3, size, size)
        self._known: dict[str, Output] = {}

    def __getitem__(self, role: str) -> Output:
        if role not in self._shadows:
            raise Mistake(f"a component is sized by the {role}'s output, and this method has no {role}; choose another")
        if role not in self._known:
            network = self._shadows[role]
            training = network.training
            with torch.no_grad():
                self._known[role] = network.eval()(torch.empty(self._images, device="meta"))
            network.train(training)
        return self._known[role]

    def __contains__(self, role: object) -> bool:
        return role in self._shadows

    def __iter__(self) -> Iterator[str]:
        return iter(self._shadows)

    def __len__(self) -> int:
        return len(self._shadows)


def facts_of(data: Dataset, batch: int, epochs: int, shapes: Mapping[str, Output], clock: Clock) -> Facts:
    return Facts(len(data.classes), data.train_count, batch, epochs, data.size, shapes, clock)


def assemble(
    settings: Settings,
    networks: Mapping[str, nn.Module],
    facts: Facts,
    scouting: Callable[[], AbstractContextManager[object]] = nullcontext,
    averages: Mapping[str, float] | None = None,
    still_norms: bool = False,
) -> Distiller:
    """A method that is ready to train; its networks are given ready, with their weights and on their device.

    `still_norms`: the batch norms of the networks that it trains keep their statistics.
    """
    set_seed(settings["seed"] + HEADS)
    sampler = components.sampler(settings["sampler"], facts)
    criterion = components.criterion(settings["criterion"], facts)
    parts = Parts(networks, sampler, criterion, scouting, averages or {}, further_roles(settings))
    chosen = settings["distiller"]
    method: Distiller = distillers.make(chosen["name"], config.without(chosen, "name"), facts=facts, parts=parts)
    refuse_late([name for name, weight in method.named_parameters() if is_lazy(weight)])
    for role in set(method.roles) - set(method.frozen) if still_norms else ():
        with_still_batch_norms(method.get_submodule(role))
    device = next(networks["student"].parameters()).device
    return moved(method, device)


def refuse_late(weights: list[str]) -> None:
    if weights:
        name = weights[0].replace("modules_by_name.", "")
        raise Mistake(
            f"'{name}' is made during the first step, when the optimiser exists already, so it would never be trained; "
            "make it in the constructor, sized by facts.shapes"
        )


def moved(method: Distiller, device: torch.device) -> Distiller:
    """A method's heads and memories on the device, and tensors that a component keeps outside its state."""
    for _, owner in owners(method):
        own = (*owner.parameters(recurse=False), *owner.buffers(recurse=False)) if isinstance(owner, nn.Module) else ()
        if isinstance(owner, nn.Module) and any(tensor.device != device for tensor in own):
            owner._apply(lambda tensor: tensor.to(device), recurse=False)
        for name, value in list(vars(owner).items()):
            if isinstance(value, torch.Tensor) and value.device != device:
                setattr(owner, name, value.to(device))
    return method


def owners(method: Distiller) -> Iterator[tuple[str, object]]:
    """Every object of a method that may keep something, by the name of its setting; the networks are left out."""
    inside = {module for role in method.roles for module in getattr(method, role).modules()}
    seen = set()
    for name, module in method.named_modules():
        if module not in inside:
            seen.add(id(module))
            yield name.replace("modules_by_name.", "") or "distiller", module
    others = {
        "sampler": method.sampler,
        **{f"criterion.{name}": one for name, one in method.criterion.criteria.items()},
    }
    for name, one in others.items():
        if id(one) not in seen:
            yield name, one
