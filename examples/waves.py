"""A data set that is no image folder: waves computed from a seed. `Resident` keeps the images on the device.

python -m unix_exp.train plugins=examples/waves.py dataset=waves recipe=demo teacher=resnet20 student=resnet8
"""

import torch

from unix_exp.data.resident import Images, Resident
from unix_exp.registry import datasets
from unix_exp.types import Watch


@datasets.register("waves")
class Waves(Resident):
    """Waves of four directions under noise, 32x32."""

    classes = ("level", "upright", "rising", "falling")
    size = 32
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

    def __init__(self, train_count: int = 2048, test_count: int = 512, seed: int = 0) -> None:
        self.train_count, self.test_count, self.seed = train_count, test_count, seed
        self.augment = self.flip = False

    def fingerprint(self) -> str:
        return f"waves-{self.train_count}-{self.test_count}-{self.seed}"  # the same images, the same fingerprint

    def read(self, watch: Watch | None) -> tuple[Images, Images]:
        return draw(self.train_count, 2 * self.seed), draw(self.test_count, 2 * self.seed + 1)


def draw(count: int, seed: int) -> Images:
    randomness = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 4
    across = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.7, 0.7], [0.7, -0.7]])[labels]
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    phase = 6 * torch.rand(count, 1, 1, generator=randomness)
    wave = torch.sin(across[:, 0, None, None] * x + across[:, 1, None, None] * y + phase)
    noise = torch.randn(count, 32, 32, 3, generator=randomness)
    return Images((127 + 50 * wave[..., None] + 40 * noise).clamp(0, 255).to(torch.uint8), labels)
