"""Markup: all text is escaped on its way into it, unless it is marked as markup already."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache


class Markup(str):
    """Text that browsers interpret; any other string is escaped when it is put into a tag."""


# XML forbids these, and half a surrogate (from a file name that is not UTF-8) cannot be written at all.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
UNSAFE = re.compile("[&<>\"'" + FORBIDDEN.pattern[1:])
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def clean(text: str) -> str:
    """Text without characters that XML forbids."""
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def escape(text: object) -> Markup:
    if isinstance(text, Markup):
        return text
    text = str(text)
    return Markup(clean(text).translate(ENTITIES) if UNSAFE.search(text) else text)


def join(parts: Iterable[object]) -> Markup:
    return Markup("".join(map(escape, parts)))


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """An element; `class_` is class, `font_size` is font-size, and an attribute that is None is left out."""
    written = "".join([
        f' {named(key)}="{escape(value if type(value) is str else compact(value))}"'
        for key, value in attributes.items()
        if value is not None
    ])  # fmt: skip
    if not children:
        return Markup(f"<{name}{written}/>")
    inside = "".join([child if type(child) is Markup else escape(child) for child in children])
    return Markup(f"<{name}{written}>{inside}</{name}>")


@cache
def named(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def data(about: Mapping[str, str]) -> dict[str, str]:
    """What something is about, as attributes that a page's script can ask for: data-method="kd"."""
    return {f"data-{name}": value for name, value in about.items()}


def compact(value: object) -> object:
    """A coordinate needs no more than a tenth of a unit, and no sign before zero."""
    return f"{round(value, 1) + 0.0:g}" if isinstance(value, float) else value
