"""The line that repeats or continues a run."""

from __future__ import annotations

import shlex

from unix_exp.run.commands import repeating, words_of
from unix_exp.run.foreign import YAML_LIMIT, text_of
from unix_exp.runs.entry import Entry

MARK = "# "  # before the command in the first line of config.yaml


def command_of(run: Entry) -> str | None:
    """None where none was recorded, or a text that is no plain command of this package: readers copy it to a shell."""
    if run.result:
        return repeating(recorded(run))
    words = words_of(recorded(run))
    return None if words is None else shlex.join(words)


def recorded(run: Entry) -> str | None:
    if run.result:
        found = run.result.get("command")
        return found if isinstance(found, str) else None
    try:
        first, _, _ = text_of(run.path / "config.yaml", YAML_LIMIT).partition("\n")
    except OSError:
        return None
    return first.removeprefix(MARK) if first.startswith(MARK) else None
