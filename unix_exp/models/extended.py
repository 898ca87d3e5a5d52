"""A student that answers through a teacher's classifier: the maps of its own, a projector, the classifier."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.models.parts import mean_pool
from unix_exp.types import Output


class Extended(nn.Module):
    """The last stage of its output is the projected map, and the embedding that map's mean over positions."""

    def __init__(self, backbone: nn.Module, projector: nn.Module, classifier: nn.Linear, made: dict[str, Any]) -> None:
        super().__init__()
        self.made = made  # how it was made, as plain values: kept beside its weights, so that it can be built again
        self.backbone = backbone
        self.projector = projector
        self.classifier = classifier.requires_grad_(False)  # the teacher's; counted among its parameters
        self.side: int = made["side"]  # of the teacher's last map; a larger one is averaged to it
        self.spared = 0 if made["replaced"] is None else replaced(backbone, made["replaced"])

    def forward(self, images: Tensor) -> Output:
        seen: Output = self.backbone(images)
        maps = seen.stages[-1]
        if maps.shape[-1] > self.side:
            maps = F.adaptive_avg_pool2d(maps, self.side)
        projected = self.projector(maps)
        embedding = mean_pool(projected)
        return Output(self.classify(embedding), (*seen.features[:-2], projected, embedding), embedding)

    def classify(self, embedding: Tensor) -> Tensor:
        logits: Tensor = self.classifier(embedding)
        return logits


def replaced(network: nn.Module, path: str) -> int:
    """Take out a layer whose output nobody reads; returns the multiply-adds that this spares, one for each weight."""
    layer = network.get_submodule(path)
    nothing = nn.Identity()
    nothing._forward_pre_hooks = layer._forward_pre_hooks  # one may read the embedding, which goes through as it is
    owner, _, name = path.rpartition(".")
    setattr(network.get_submodule(owner), name, nothing)
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.numel()
