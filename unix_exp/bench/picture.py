"""Milliseconds a step, by contestant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unix_exp.bench.contestants import ABOUT
from unix_exp.plots.charts import standalone
from unix_exp.plots.ranges import Range, ranges


def picture(told: Mapping[str, Any]) -> str:
    what = told["what"]
    rows = [Range(f"{name}: {ABOUT[name]}", spread["median"], spread["low"], spread["high"])
            for name, spread in told["ms_per_step"].items()]  # fmt: skip
    title = f"{what['pair']}, {what['sampler']['name']}, {what['runtime']['precision']}, {told['where']['hardware']}"
    return standalone(ranges(rows, "ms per step, median and quartiles", title=title))
