"""What the jobs of a sweep differ in, by the words that each was started with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

BETWEEN = re.compile(r" (?=[+~]*[\w.@/-]+=|~)")  # words; a value may have spaces in it
LONG = re.compile(r"-?\d+\.\d{6,}(e-?\d+)?")
ABSENT = "-"


def columns(known: Sequence[tuple[str, str]], words: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Settings that differ between the jobs and that pair and method do not tell, and the values of each job.

    The seed has a column already.
    """
    if len(words) != len(known):
        return [], [[] for _ in known]
    jobs = [settings_in(one) for one in words]
    names = [
        name
        for name in dict.fromkeys(name for job in jobs for name in job)
        if name != "seed" and not told(known, [job.get(name, ABSENT) for job in jobs])
    ]
    return names, [[shorter(job.get(name, ABSENT)) for name in names] for job in jobs]


def shorter(value: str) -> str:
    """A search draws numbers of seventeen digits."""
    return f"{float(value):.5g}" if LONG.fullmatch(value) else value


def settings_in(words: str) -> Mapping[str, str]:
    parts = (word.partition("=") for word in BETWEEN.split(words) if word)
    return {key.lstrip("+"): value if equals else ABSENT for key, equals, value in parts}


def told(known: Sequence[tuple[str, str]], values: Sequence[str]) -> bool:
    """Whether runs of one pair and method all have one value."""
    first: dict[tuple[str, str], str] = {}
    return all(first.setdefault(key, value) == value for key, value in zip(known, values, strict=True))
