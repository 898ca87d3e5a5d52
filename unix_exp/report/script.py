"""The page's script: parts of our own, put together into one that the page's policy names by its hash."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from unix_exp.plots.markup import Markup

OF_RUNS = ("base", "sort", "hover")  # the parts of a run's page
OF_REPORTS = (*OF_RUNS, "filter")


@cache
def script(parts: tuple[str, ...]) -> Markup:
    folder = files(__package__).joinpath("script")
    texts = [folder.joinpath(f"{part}.js").read_text(encoding="utf-8") for part in parts]
    whole = "\n".join(["\n'use strict';\n(() => {\n", *texts, "})();\n"])
    assert "</script" not in whole and "<!--" not in whole, "the page would end the script there"
    return Markup(whole)


@cache
def policy(text: str) -> str:
    """The browser fetches nothing and executes this text alone, whatever the names of runs contain."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"


@cache
def style() -> Markup:
    """What the script and the pages of runs need beside the style of every page."""
    return Markup(files(__package__).joinpath("page.css").read_text(encoding="utf-8"))
