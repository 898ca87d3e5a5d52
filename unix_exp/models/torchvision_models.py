"""Any image classifier of torchvision, by the name it has there."""

from __future__ import annotations

from typing import Annotated, Any, cast

from torch import nn

from unix_exp.models.own_input import published_input
from unix_exp.models.published import Pretrained, fetching, in_cache_of_pytorch, loading_weights
from unix_exp.models.taps import Taps, listen
from unix_exp.registry import models
from unix_exp.types import Mistake
from unix_exp.words import nearest

AUXILIARY_HEADS = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}


@models.register("torchvision")
def build(
    arch: Annotated[str, "the network's name in torchvision, such as resnet50"],
    pretrained: Pretrained = False,
    taps: Taps | None = None,
    num_classes: int = 100,
) -> nn.Module:
    """A torchvision network."""
    import torchvision  # here, so that a run without it need not wait for the import

    known = torchvision.models.list_models(module=torchvision.models)
    if arch not in known:
        raise Mistake(f"torchvision has no arch '{arch}'; {nearest(arch, known)}")
    what = f"torchvision {arch}"
    fetched = pretrained and fetching.get()
    options = {"init_weights": not fetched} if arch in AUXILIARY_HEADS else {}  # unless it is set, these two warn
    weights: Any = torchvision.models.get_model_weights(arch).DEFAULT if pretrained else None
    if fetched:
        file, here = in_cache_of_pytorch(weights.url)
        with loading_weights(what, weights.url, file, here is not None):
            net = torchvision.models.get_model(arch, weights=weights, progress=False, **options)
        if len(weights.meta["categories"]) != num_classes:
            replace_classifier(net, num_classes)
    else:
        net = torchvision.models.get_model(arch, num_classes=num_classes, **options)
    if weights is not None:
        published_input(net, weights.transforms().mean, weights.transforms().std)
    for head in AUXILIARY_HEADS.get(arch, ()):
        net.aux_logits = False  # in training they would turn the output into a tuple
        setattr(net, head, None)
    net.own_size = getattr(net, "image_size", 224)  # the size of images it is made for
    listen(what, net, net.get_submodule(classifier_path(net)), taps, net.own_size)
    return cast(nn.Module, net)


def published_classes(arch: str) -> int:
    """How many classes the published weights know; asked without fetching them."""
    import torchvision

    return len(torchvision.models.get_model_weights(arch).DEFAULT.meta["categories"])


setattr(build, "published_classes", published_classes)  # noqa: B010  # a capability of the constructor


def classifier_path(net: nn.Module) -> str:
    """The last layer with weights of its own: linear, or in SqueezeNet a convolution."""
    paths: list[str] = [path for path, module in net.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))]
    return paths[-1]


def replace_classifier(net: nn.Module, num_classes: int) -> None:
    """Replace the pretrained classifier by a fresh one for other classes."""
    path = classifier_path(net)
    old: Any = net.get_submodule(path)
    if isinstance(old, nn.Linear):
        new: nn.Module = nn.Linear(old.in_features, num_classes, bias=old.bias is not None)
    else:
        new = nn.Conv2d(old.in_channels, num_classes, old.kernel_size)
    net.set_submodule(path, new)
