"""Words for people: hints for misspelt names, spans of time."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def alike(name: str) -> str:
    """A name as it is compared with others: ResNet-8x4 is resnet8x4."""
    return re.sub(r"[-_ ]", "", name).lower()


def closest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The known name closest to a misspelt one, whatever its case; None where none is close."""
    known = sorted(known)
    if same := [one for one in known if alike(one) == alike(name)]:
        return same[0]
    by_case = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_case, n=1, cutoff=cutoff)
    return by_case[close[0]] if close else None


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to a misspelt one, or all of them where none is close."""
    known = sorted(known)
    if (close := closest(name, known)) is not None:
        return f"did you mean '{close}'?"
    if not known:
        return "it takes none"
    return "choose one of " + ", ".join(known)


def counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 100:
        return f"{hours // 24:,}d {hours % 24:02}h"
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def as_line(text: str) -> str:
    """Text from anywhere as a line that does nothing to a terminal."""
    shown = text if text.isprintable() else "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())


def listed(items: list[str], most: int = 6) -> str:
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def size_in_words(count: float) -> str:
    """Bytes, in the largest unit that leaves a whole number before the point."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
