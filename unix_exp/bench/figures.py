"""What follows from the times: ratios, savings and shares, as the JSON file keeps them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from unix_exp.bench import rows
from unix_exp.bench.case import Case
from unix_exp.bench.chips import peak_of, process_memory
from unix_exp.bench.measure import WARM, Spread
from unix_exp.engine import analysis
from unix_exp.run import provenance

Seconds = Mapping[str, Sequence[float]]


def result(case: Case, seconds: Seconds, block: int, memory: Mapping[str, int]) -> dict[str, Any]:
    """Everything that was measured, and on what."""
    ratios = ratios_of(seconds)
    return {
        "what": case.what(),
        "where": {
            "hardware": case.runtime.hardware(),
            "threads": torch.get_num_threads(),
            "cores": os.cpu_count(),
            "versions": provenance.versions(),
            "commit": provenance.commit(),
        },
        "how": {
            "words": list(case.words),
            "block": block,
            "warm": WARM,
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        },
        "ms_per_step": {name: Spread.of(values).times(1000)._asdict() for name, values in seconds.items()},
        "images_per_second": {
            name: case.recipe.batch / Spread.of(values).median for name, values in seconds.items() if name != rows.LOOK
        },
        "ratios": {name: spread._asdict() for name, spread in ratios.items()},
        "compute": compute_of(case, ratios.get("time_of_kd")),
        "peak": share_of_peak(case, seconds),
        "bytes": {"process": process_memory(), **memory},
        "settings": case.settings,
    }


def ratios_of(seconds: Seconds) -> dict[str, Spread]:
    ours = seconds[rows.OURS]
    ratios = {"step_over_floor": ratio(ours, seconds[rows.FLOOR])}
    for name in (rows.PLAIN, rows.PLAIN_WORKERS):
        if name in seconds:
            ratios[f"speed_over_{name}"] = ratio(seconds[name], ours)
    if rows.CONVENTIONAL in seconds:
        ratios["time_of_kd"] = ratio(ours, seconds[rows.CONVENTIONAL])
    ratios["share_of_data"] = ratio(seconds[rows.DATA], ours)
    if rows.LOOK in seconds:
        ratios["share_of_looks"] = Spread.of(seconds[rows.LOOK]).times(1 / (analysis.EVERY * Spread.of(ours).median))
    return ratios


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The ratio of the medians, with the quartiles of the ratios in each round: what slows a round slows both."""
    rounds = Spread.of([one / other for one, other in zip(above, below, strict=True)])
    return rounds._replace(median=Spread.of(above).median / Spread.of(below).median)


def compute_of(case: Case, time_of_kd: Spread | None) -> dict[str, Any]:
    """Savings against conventional KD in per cent, the backward pass priced at one forward pass and at two."""
    compute: dict[str, Any] = {"images": case.cost.images._asdict(), "gflops_per_step": case.cost.total(2)}
    for price in (1, 2):
        saved = 100 - (case.cost.percent_of_kd(price) or 0.0)
        compute[f"flops_saved_backward_{price}"] = saved
        if time_of_kd is not None:
            compute["time_saved"] = 100 * (1 - time_of_kd.median)
            compute[f"points_behind_backward_{price}"] = saved - compute["time_saved"]
    return compute


def share_of_peak(case: Case, seconds: Seconds) -> dict[str, float] | None:
    """How much of the chip's peak our step reaches; a backward pass does twice the work of a forward pass."""
    peak = peak_of(case.runtime.hardware(), case.runtime.precision)
    if peak is None:
        return None
    done = 2 * case.cost.total(backward_price=2) / 1000 / Spread.of(seconds[rows.OURS]).median  # a multiply-add is two
    return {"tflops": done, "peak_tflops": peak, "percent": 100 * done / peak}
