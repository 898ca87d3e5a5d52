"""One network of each file and kind of block: the others differ from it by depth and width alone."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

from unix_exp.registry import models


def smallest_of_each_file(names: Iterable[str]) -> list[str]:
    """By the numbers in their names."""
    models.names()  # imports the files
    found: dict[Any, str] = {}
    for name in sorted(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)]):
        given = getattr(models.constructors[name], "args", ())  # of a partial
        found.setdefault((models.modules[name], *filter(inspect.isclass, given)), name)
    return sorted(found.values())
