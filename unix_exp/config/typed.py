"""Settings as people type them: flat, by dotted name, and each value as a command line has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PLAIN = re.compile(r"[\w/%?:.@+*|-]([\w/%?:.@+*| -]*[\w/%?:.@+*|-])?", re.ASCII)
OTHER = re.compile(r"[-+]?[\d_.]+(e[-+]?\d+)?|true|false|null|[-+]?(inf|nan)", re.IGNORECASE)  # no text without quotes


def flat(settings: Mapping[str, Any], path: str = "", between: str = ".") -> dict[str, Any]:
    """Nested settings by joined names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{path}{key}"
        found |= flat(value, f"{name}{between}", between) if isinstance(value, Mapping) else {name: value}
    return found


def typed(value: Any) -> str:
    """null, true, [null,true], {weight:1.0}"""
    if isinstance(value, str):  # most values, and asking for a Mapping is slow
        return value if PLAIN.fullmatch(value) and not OTHER.fullmatch(value) else quoted(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{typed(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(typed, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def quoted(text: str) -> str:
    """Hydra reads backslashes as they are, but for those before a quote and at the end."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), text)
    return f"'{escaped}'"
