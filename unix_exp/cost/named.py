"""The cost of a network that is asked for by name."""

from __future__ import annotations

import inspect
import warnings
from typing import Any, NamedTuple

import torch
from torch import nn

from unix_exp.cost.network import macs_of
from unix_exp.cost.operations import Counted
from unix_exp.cost.reference import macs_by_fvcore
from unix_exp.registry import models
from unix_exp.types import Mistake
from unix_exp.words import first_line

CLASSES, SIZE = 100, 32  # CIFAR-100's, for networks that name no size of their own
PUBLISHED_CLASSES = 1000  # ImageNet's, for networks of a library


class Price(NamedTuple):
    """What one image costs in a network."""

    name: str
    size: int
    classes: int
    parameters: int
    counted: Counted
    fvcore: dict[str, int] | None  # by kind; None where it could not be asked


def price_of(name: str, size: int | None, classes: int | None) -> Price:
    kind, settings = chosen(name)
    classes = classes or (PUBLISHED_CLASSES if settings else CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what libraries say about how they are built
        network = built(kind, settings, classes)
        own_size = int(getattr(network, "own_size", SIZE))
        size = size or own_size
        try:
            counted = macs_of(network, size)
        except Exception as error:
            own = getattr(network, "own_size", SIZE)
            hint = f"; its own size is {own}" if size != own else ""
            raise Mistake(
                f"{name} can't take images of {size}x{size}: {first_line(error).rstrip('.')}{hint}"
            ) from error
        parameters = sum(one.numel() for one in network.parameters())
        return Price(name, size, classes, parameters, counted, macs_by_fvcore(network, size))


def chosen(name: str) -> tuple[str, dict[str, Any]]:
    """resnet32x4 is one of our networks, library/resnet50 one of a library that has many."""
    kind, _, arch = name.partition("/")
    has_many = "arch" in inspect.signature(models[kind]).parameters
    if has_many and not arch:
        raise Mistake(f"'{kind}' has many networks; write {kind}/NAME")
    if arch and not has_many:
        raise Mistake(f"'{kind}' is a single network; write {kind} instead of {name}")
    return kind, {"arch": arch} if has_many else {}


def built(kind: str, settings: dict[str, Any], classes: int) -> nn.Module:
    """Without drawing weights where the network can be built so."""
    try:
        with torch.device("meta"):
            network: nn.Module = models.make(kind, settings, num_classes=classes)
    except Mistake:
        raise
    except Exception:  # some read a value while they are built
        network = models.make(kind, settings, num_classes=classes)
    return network
