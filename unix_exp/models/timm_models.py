"""Any classifier of timm, by the name it has there."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, cast

from torch import nn

from unix_exp.models.own_input import published_input
from unix_exp.models.taps import listen, loading_weights
from unix_exp.registry import models
from unix_exp.types import Mistake
from unix_exp.words import nearest


@models.register("timm")
def build(arch: str, pretrained: bool = False, taps: list[str] | None = None, num_classes: int = 100) -> nn.Module:
    """A timm network; `taps` are paths of modules whose output becomes a feature, by default its stages."""
    import timm  # here, so that a run without it need not wait for the import

    # Names with the tag of their weights, such as resnet18.a1_in1k, are only in the second list.
    known = {*timm.list_models(), *timm.list_pretrained()}
    if arch not in known:
        raise Mistake(f"timm has no arch '{arch}'; {nearest(arch, known)}")
    what = f"timm {arch}"
    with loading_weights(what) if pretrained else nullcontext():
        net: Any = timm.create_model(arch, pretrained=pretrained, num_classes=num_classes)
    classifier = net.get_classifier()
    if isinstance(classifier, tuple):
        classifier = classifier[0]  # the second reads a distillation token
    if isinstance(classifier, nn.ModuleList):
        raise Mistake(f"{what} has {len(classifier)} classifiers, and so no single embedding; choose another arch")
    net.own_size = net.pretrained_cfg["input_size"][-1]  # the size of images it is made for
    if pretrained:
        published_input(net, net.pretrained_cfg["mean"], net.pretrained_cfg["std"])
        net.licence = net.pretrained_cfg.get("license")
    listen(what, net, classifier, taps, net.own_size)
    return cast(nn.Module, net)


def published_classes(arch: str) -> int | None:
    """How many classes the published weights know; asked without fetching them. None where none were published."""
    import timm

    known = timm.get_pretrained_cfg(arch, allow_unregistered=True)
    return None if known is None or not known.has_weights else known.num_classes


setattr(build, "published_classes", published_classes)  # noqa: B010  # a capability of the constructor
