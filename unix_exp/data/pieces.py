"""Work on many images by threads, a piece at a time: reading, hashing and decoding leave the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from unix_exp.types import Watch


def each_piece(work: Callable[[Any], None], pieces: Sequence[Any], label: str, watch: Watch | None) -> None:
    """Do the work on every piece, with progress; the first error ends it all."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        done = pool.map(work, pieces)
        for _ in watch(done, label, len(pieces)) if watch else done:
            pass
    finally:
        pool.shutdown(cancel_futures=True)
