"""One image at a time, for workers that read images beside the training."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from unix_exp.data.augment.augmentation import Augmentation
from unix_exp.data.preprocessing import Preprocessing


class Anywhere:
    """A part of an image that is scaled as for testing, wherever the program's own generator says."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        self.preprocessing = preprocessing

    def __call__(self, image: Image.Image) -> Image.Image:
        left, top = (
            int(torch.randint(side - self.preprocessing.size + 1, ())) for side in self.preprocessing.scaled(image.size)
        )
        return self.preprocessing.part(image, left, top)


class Changing:
    """What an augmentation does to an image that is cut out, drawn from the program's own generator."""

    def __init__(self, augmentation: Augmentation, side: int) -> None:
        self.augmentation, self.side = augmentation, side

    def __call__(self, image: Image.Image) -> Image.Image | np.ndarray:
        drawn = self.augmentation.draw(1, self.side, torch.default_generator)
        if drawn is None:
            return image
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
        return self.augmentation.change(pixels, drawn)[0].permute(1, 2, 0).contiguous().numpy()
