"""Images one by one, wherever they come from: what decoding them at once and streaming them have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL import Image


class Source(Protocol):
    """The images of one half of a data set, not yet opened, and their labels."""

    @property
    def labels(self) -> list[int]: ...

    def some(self, rows: Sequence[int]) -> Source: ...

    def image(self, row: int, hashed: np.ndarray | None = None) -> Image.Image:
        """RGB, upright. Where a hash is given, an image that was changed meanwhile is refused if that can be seen."""
        ...

    def certain(self, row: int, hashed: np.ndarray | None) -> Image.Image:
        """RGB, upright, of the content with this hash, whatever it costs to look."""
        ...
