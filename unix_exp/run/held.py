"""Whether a process is at work in a run's folder. Imports no PyTorch."""

from __future__ import annotations

import os
from pathlib import Path


def held(path: Path) -> bool:
    """False where its lock may not be looked at, as in another user's folder."""
    if not os.path.isfile(path / ".lock"):
        return False
    from filelock import FileLock, Timeout  # it takes a while to import, which a list of finished runs saves

    try:
        with FileLock(path / ".lock").acquire(blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False
