"""Any classifier of timm, by the name it has there."""

from __future__ import annotations

from typing import Annotated, Any, cast

from torch import nn

from unix_exp.models.own_input import published_input
from unix_exp.models.published import Pretrained, fetching, in_cache_of_pytorch, loading_weights
from unix_exp.models.taps import Taps, listen
from unix_exp.registry import models
from unix_exp.types import Mistake
from unix_exp.words import nearest


@models.register("timm")
def build(
    arch: Annotated[str, "the network's name in timm, such as resnet50"],
    pretrained: Pretrained = False,
    taps: Taps | None = None,
    num_classes: int = 100,
) -> nn.Module:
    """A timm network."""
    import timm  # here, so that a run without it need not wait for the import

    # Names with the tag of their weights, such as resnet18.a1_in1k, are only in the second list.
    known = {*timm.list_models(), *timm.list_pretrained()}
    if arch not in known:
        raise Mistake(f"timm has no arch '{arch}'; {nearest(arch, known)}")
    what = f"timm {arch}"
    if pretrained and fetching.get():
        url, file, here = place_of(arch)
        with loading_weights(what, url, file, here is not None):
            # A file that is named is read as it is, without asking its publisher for a newer one.
            overlay = {"file": here, "custom_load": False}
            named: dict[str, Any] = {} if here is None else {"pretrained_cfg_overlay": overlay}
            net: Any = timm.create_model(arch, pretrained=True, num_classes=num_classes, **named)
    else:
        net = timm.create_model(arch, num_classes=num_classes)
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


def place_of(arch: str) -> tuple[str, str, str | None]:
    """Where timm has an arch's weights from: the address, the file, and its path where it was fetched before."""
    import timm
    from huggingface_hub import constants, try_to_load_from_cache

    known = timm.get_pretrained_cfg(arch, allow_unregistered=True)
    if known is None or not known.hf_hub_id:
        url = str((known and known.url) or constants.ENDPOINT)
        return url, *in_cache_of_pytorch(url)
    repository, _, revision = known.hf_hub_id.partition("@")
    names = [known.hf_hub_filename] if known.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"]
    cached = ((name, try_to_load_from_cache(repository, name, revision=revision or None)) for name in names)
    file, here = next(((name, found) for name, found in cached if isinstance(found, str)), (names[0], None))
    return f"{constants.ENDPOINT}/{repository}", file, here
