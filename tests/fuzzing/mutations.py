"""Ways to spoil input: bytes, values, and nested values in one place."""

from __future__ import annotations

import copy
import os
import random
from pathlib import Path
from typing import Any

# Values that a setting or a record hardly ever has, as Python objects.
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 17, 2**31, 2**63, 10**20, 10**26, -(10**20), 0.0, -0.0, 0.5, 1e-300, 1e300, -1e308,
    float("nan"), float("inf"), float("-inf"), "", " ", "x", "null", "nan", "1e400", "\n", "a\nb", "\x00", "\x1b[2J",
    "=1+1", "@SUM(A1)", "+1", "..", "../..", "/", "~", "/dev/null", "é", "\ud800", "x" * 5000, [], [None], [[]], {},
    {"name": "x"}, {"": 1}, [1] * 300, ["a\nb"], {"a": {"b": {"c": []}}}, [float("nan")], [1e400], "${seed}", "???",
)  # fmt: skip
TOKENS = (
    b"NaN", b"Infinity", b"1e400", b"-1", b"null", b"[" * 3000, b"{" * 300, b'"', b"\\", b"\x00", b"\xff\xfe", b"\n",
    b"---\n", b"&a [*a]", b"!!python/object:os.system", b": ", b"- ", b"${", b"}", b"9" * 5000, b"\xed\xa0\x80",
)  # fmt: skip


def odd(draw: random.Random) -> Any:
    """One of these, or a number of some magnitude."""
    if draw.random() < 0.3:
        number = draw.choice((-1, 1)) * 10.0 ** draw.uniform(-12, 12)
        return number if draw.random() < 0.5 else int(number)
    return copy.deepcopy(draw.choice(ODD))


def spoiled(draw: random.Random, content: bytes) -> bytes:
    """Bytes changed in one or a few places, or cut."""
    made = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        at = draw.randrange(len(made) + 1)
        to = min(len(made), at + draw.choice((1, 2, 8, 100)))
        way = draw.randrange(6)
        if way == 0 and made:
            made[min(at, len(made) - 1)] ^= 1 << draw.randrange(8)
        elif way == 1:
            del made[at:to]
        elif way == 2:
            del made[at:]
        elif way == 3:
            made[at:at] = draw.choice(TOKENS)
        elif way == 4:
            made[at:to] = draw.randbytes(to - at)
        else:
            made[at:at] = made[draw.randrange(len(made) + 1) :][:1000]
    return bytes(made)


def changed(draw: random.Random, value: Any) -> Any:
    """A nested value with one of its parts replaced by something odd, removed, doubled or put elsewhere."""
    made = copy.deepcopy(value)
    holders = [one for one in parts(made) if one]
    if not holders or draw.random() < 0.03:
        return odd(draw)
    holder = draw.choice(holders)
    key = draw.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    way = draw.randrange(5)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[str(odd(draw))] = holder.pop(key)
    elif way == 2:
        holder[key] = copy.deepcopy(draw.choice(list(parts(made))))
    else:
        holder[key] = odd(draw)
    return made


def parts(value: Any) -> list[Any]:
    """The dictionaries and lists in a nested value, itself first."""
    if not isinstance(value, (dict, list)):
        return []
    inside = value.values() if isinstance(value, dict) else value
    return [value, *(part for one in inside for part in parts(one))]


def replaced(draw: random.Random, path: Path) -> None:
    """Something else in a file's place: another kind of thing, or nothing."""
    path.unlink(missing_ok=True)
    way = draw.randrange(6)
    if way == 0:
        path.mkdir()
    elif way == 1:
        os.mkfifo(path)
    elif way == 2:
        path.symlink_to("/dev/zero")
    elif way == 3:
        path.symlink_to(path.name)
    elif way == 4:
        path.touch()
