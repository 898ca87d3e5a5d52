"""A picture of the milliseconds per step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unix_exp.bench.rows import ABOUT
from unix_exp.plots.charts import standalone
from unix_exp.plots.ranges import Range, ranges


def picture(figures: Mapping[str, Any]) -> str:
    what = figures["what"]
    ranges_of = [Range(f"{name}: {ABOUT[name]}", spread["median"], spread["low"], spread["high"])
            for name, spread in figures["ms_per_step"].items()]  # fmt: skip
    title = f"{what['pair']}, {what['sampler']['name']}, {what['runtime']['precision']}, {figures['where']['hardware']}"
    return standalone(ranges(ranges_of, "ms per step, median and quartiles", title=title))
