"""PyTorch is imported without a search for garbage meanwhile, which is a tenth of what a command's start takes."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Around imports of what needs PyTorch, where they may be the first."""
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what was imported stays, so that no later search goes through it
        gc.enable()
