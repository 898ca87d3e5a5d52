"""What the page of a run is called: its folder's name where that is safe, unique by the run's identity."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from unix_exp.report.blocks import slug

SAFE = re.compile(r"\w[\w.-]{0,150}-[0-9a-f]{12}", re.ASCII)


def page_name(folder: Path, identity: str) -> str:
    """Without .html. Whoever made the folder may have called it anything, so another name gets a hash."""
    name = (folder.name.strip(".") and folder.name) or os.path.basename(os.path.abspath(folder))
    if SAFE.fullmatch(name) and name.endswith(f"-{identity}"):
        return name
    return f"{slug(name)[:80]}-{hashlib.sha256(identity.encode(errors='replace')).hexdigest()[:20]}"
