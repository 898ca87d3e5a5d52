from __future__ import annotations

from pathlib import Path

from unix_exp.run.foreign import json_of
from unix_exp.words import as_line

LONGEST = 40  # characters of a name


def class_names(run: Path, count: int) -> list[str]:
    """The names of a run's classes, as its student's description has them; none where it has not so many."""
    try:
        described = json_of(run / "student.json")
    except (OSError, ValueError):
        return []
    names = described.get("classes") if isinstance(described, dict) else None
    if not isinstance(names, list) or len(names) != count:
        return []
    return [as_line(str(name))[:LONGEST] for name in names]
