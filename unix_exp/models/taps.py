"""Hooks that make a network of another library return an Output; the keys of its weights stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Annotated, Any, TypeAlias

import torch
from torch import Tensor, nn

from unix_exp.types import Mistake, Output
from unix_exp.words import nearest

Taps: TypeAlias = Annotated[list[str], "paths of modules whose output becomes a feature; null: the network's stages"]
POOLS = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)


class EnoughError(Exception):
    """All maps that were asked for are there."""


class Listener:
    """Collects the outputs of the tapped modules during one forward pass, and makes the network's Output of them."""

    # methods, not closures: deepcopy of the network then copies the listener with it

    def __init__(self, classifier: str) -> None:
        self.classifier = classifier  # its path
        self.maps: dict[str, Tensor] = {}
        self.wanted: int | None = None  # how many maps, where the pass may end before it has all
        self.embedding: Tensor | None = None

    def begin(self, net: nn.Module, inputs: Any) -> None:
        self.maps.clear()  # the pass before may have failed half way

    def keep(self, path: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self.maps[path] = output
        if len(self.maps) == self.wanted:
            raise EnoughError

    def read(self, classifier: nn.Module, inputs: tuple[Tensor]) -> None:
        (x,) = inputs
        self.embedding = x.mean((2, 3)) if x.dim() == 4 else x  # some classifiers are 1x1 convolutions

    def answer(self, net: nn.Module, inputs: Any, logits: Tensor) -> Output:
        maps, embedding = list(self.maps.values()), self.embedding
        assert embedding is not None, "the classifier has read it by now"
        self.maps.clear()  # a map kept here would outlive its step, and could not be deep-copied
        self.embedding = None
        return Output(logits, (*maps, embedding), embedding)

    def first_maps(self, net: nn.Module, images: Tensor, count: int) -> tuple[Tensor, ...]:
        """The first maps alone: the pass ends where it has them, wherever in the network's code that is."""
        self.maps.clear()
        self.wanted = count
        try:
            net.forward(images)
        except EnoughError:
            pass
        finally:
            maps, self.wanted, self.embedding = tuple(self.maps.values()), None, None
            self.maps.clear()
        return maps

    def classify(self, net: nn.Module, embedding: Tensor) -> Tensor:
        """The logits of an embedding; given to networks whose logits are what their classifier returns."""
        classifier = net.get_submodule(self.classifier)
        x = embedding[:, :, None, None] if isinstance(classifier, nn.Conv2d) else embedding
        logits: Tensor = classifier.forward(x)  # past the hook, which would keep this embedding for the next answer
        return logits.flatten(1)


def listen(what: str, net: nn.Module, classifier: nn.Module, taps: list[str] | None, size: int) -> None:
    """Make `net` return an Output, whose features are the `taps`, or its stages where none are named."""
    shapes, classifies = survey(net, classifier, size)
    for tap in taps or ():
        if tap not in shapes:
            raise Mistake(f"{what} has no module '{tap}' to tap; {nearest(tap, shapes)}")
    for module in net.modules():
        if hasattr(module, "inplace"):
            setattr(module, "inplace", False)  # it would change a map that was tapped before it  # noqa: B010
    listener = Listener(next(path for path, module in net.named_modules() if module is classifier))
    if classifies:
        setattr(net, "classify", partial(listener.classify, net))  # noqa: B010
    setattr(net, "first_maps", partial(listener.first_maps, net))  # noqa: B010
    net.register_forward_pre_hook(listener.begin)
    for path in stages(net, shapes) if taps is None else taps:
        net.get_submodule(path).register_forward_hook(partial(listener.keep, path))
    classifier.register_forward_pre_hook(listener.read)
    net.register_forward_hook(listener.answer)


def survey(net: nn.Module, classifier: nn.Module, size: int) -> tuple[dict[str, torch.Size], bool]:
    """The shape of each module's output, in the order they finish, and whether the classifier's is the network's.

    On the meta device, so nothing is computed.
    """
    shapes: dict[str, torch.Size] = {}
    classified: list[Tensor] = []

    def note(path: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            shapes[path] = output.shape
        if module is classifier and inputs[0].flatten(1).shape == inputs[0].shape[:2]:
            classified.append(output)

    hooks = [module.register_forward_hook(partial(note, path)) for path, module in net.named_modules() if path]
    weights = {name: value.to("meta") for name, value in chain(net.named_parameters(), net.named_buffers())}
    training = net.training
    net.eval()
    with torch.no_grad():
        logits = torch.func.functional_call(net, weights, torch.empty(1, 3, size, size, device="meta"))
    net.train(training)
    for hook in hooks:
        hook.remove()
    return shapes, len(classified) == 1 and same_memory(classified[0], logits)


def same_memory(one: Tensor, other: Tensor) -> bool:
    """Whether nothing was computed between the two: they differ in shape at the most."""
    return one.numel() == other.numel() and one.untyped_storage()._cdata == other.untyped_storage()._cdata


def stages(net: nn.Module, shapes: dict[str, torch.Size]) -> list[str]:
    """The last module at each size of the maps; pooling is never a stage, and a transformer's tokens are no maps."""
    sides = {path: shape[2] for path, shape in shapes.items() if len(shape) == 4 and shape[2] == shape[3] > 1}
    wholes = set(undivided(net, sides))
    last = {side: path for path, side in sides.items() if path in wholes}
    return list(last.values())


def undivided(net: nn.Module, sides: dict[str, int], prefix: str = "") -> Iterator[str]:
    """The modules that work at one size, as high up as they can be named."""
    for name, child in net.named_children():
        path = prefix + name
        inside = {sides[f"{path}.{inner}"] for inner, _ in child.named_children() if f"{path}.{inner}" in sides}
        if isinstance(child, (nn.Sequential, nn.ModuleList)) and len(inside) > 1:
            yield from undivided(child, sides, f"{path}.")
        elif not isinstance(child, POOLS):
            yield path
