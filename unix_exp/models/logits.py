from __future__ import annotations

from torch import Tensor, nn


class Logits(nn.Module):
    """A network as other programs expect it: images -> logits."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images).logits
        return logits
