"""Runs at hand, finished or not: found, read, listed, shown, compared, tagged and removed. Imports no PyTorch."""

from unix_exp.runs.entry import Entry
from unix_exp.runs.filters import chosen
from unix_exp.runs.finding import entries, named

__all__ = ["Entry", "chosen", "entries", "named"]
