"""One network of each file that registers some: the others of the file differ by depth and width alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from unix_exp.registry import models


def smallest_of_each_file(names: Iterable[str]) -> list[str]:
    """By the numbers in their names."""
    models.names()  # imports the files
    found: dict[str, str] = {}
    for name in sorted(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)]):
        found.setdefault(models.modules[name], name)
    return sorted(found.values())
