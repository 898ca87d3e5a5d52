"""Images one by one, wherever they come from: what decoding them at once and streaming them have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from unix_exp.data.contents import Contents
from unix_exp.types import Watch


class Source(Protocol):
    """The images of one half of a data set, not yet opened, and their labels."""

    @property
    def labels(self) -> list[int]: ...

    def some(self, rows: Sequence[int]) -> Source: ...

    def and_more(self, others: Any) -> Source:
        """These, and then images of the same kind."""
        ...

    def called(self, row: int) -> str:
        """An image's name in a message."""
        ...

    def image(self, row: int, hashed: np.ndarray | None = None) -> Image.Image:
        """RGB, upright. An image that no longer has its hash is refused where that is seen cheaply."""
        ...

    def certain(self, row: int, hashed: np.ndarray | None) -> Image.Image:
        """RGB, upright, of the content with this hash, whatever it costs to look."""
        ...

    def identity(self, root: str, test: Any) -> str:
        """A hash of what is known of these and the test images without opening one."""
        ...

    def contents(self, root: str, test: Any, cache: Path, watch: Watch | None = None) -> Contents:
        """What is in these and the test images; those that are not remembered are read."""
        ...
