"""A chart of milliseconds a step, by contestant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unix_exp.bench.rows import ABOUT
from unix_exp.plots.charts import standalone
from unix_exp.plots.ranges import Range, ranges


def picture(record: Mapping[str, Any]) -> str:
    case = record["what"]
    rows = [Range(f"{name}: {ABOUT[name]}", spread["median"], spread["low"], spread["high"])
            for name, spread in record["ms_per_step"].items()]  # fmt: skip
    title = f"{case['pair']}, {case['sampler']['name']}, {case['runtime']['precision']}, {record['where']['hardware']}"
    return standalone(ranges(rows, "ms per step, median and quartiles", title=title))
