"""The bench's figures for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unix_exp.bench.compare import Change
from unix_exp.bench.contestants import ABOUT


def table(told: Mapping[str, Any]) -> Iterator[str]:
    yield heading(told)
    yield ""
    yield f"{'':15}{'ms/step':>9}{'quartiles':>20}{'n':>5}{'img/s':>9}"
    for name, spread in told["ms_per_step"].items():
        between = f"{spread['low']:.2f} - {spread['high']:.2f}"
        speed = told["images_per_second"].get(name)
        said = "-" if speed is None else f"{speed:,.0f}"
        yield f"{name:15}{spread['median']:9.2f}{between:>20}{spread['n']:5}{said:>9}  {ABOUT[name]}"
    yield ""
    ratios, compute = told["ratios"], told["compute"]
    yield line("full step / floor", ratios["step_over_floor"])
    for name, title in (("plain", "images/s against plain"), ("plain_workers", "the same, processes load")):
        if (found := ratios.get(f"speed_over_{name}")) is not None:
            yield line(title, found)
    yield line("data, % of the step", ratios["share_of_data"], 100)
    if "share_of_looks" in ratios:
        yield line("analysis's looks, %", ratios["share_of_looks"], 100)
    if "time_saved" in compute:
        kd = ratios["time_of_kd"]
        saved = {"median": compute["time_saved"], "low": 100 - 100 * kd["high"], "high": 100 - 100 * kd["low"]}
        yield line("time saved against KD, %", saved)
        for price, word in ((1, "one forward pass"), (2, "two")):
            flops, behind = (compute[f"{name}_backward_{price}"] for name in ("flops_saved", "points_behind"))
            yield f"{'FLOPs saved, %':26}{flops:8.2f}  backward priced at {word}: time is {behind:+.2f} points behind"
    if told["peak"] is not None:
        peak = told["peak"]
        yield f"{'share of the peak, %':26}{peak['percent']:8.2f}  {peak['tflops']:.1f} of {peak['peak_tflops']} TFLOP/s"
    held = told["bytes"]
    of_ours = f"{held['ours'] / 2**20:,.0f} on the GPU by our step, " if "ours" in held else ""
    yield f"{'memory at its fullest, MiB':26}  {of_ours}{held['process'] / 2**20:,.0f} by the process, all contestants"


def heading(told: Mapping[str, Any]) -> str:
    what, images = told["what"], told["compute"]["images"]
    return (
        f"{what['pair']}: {what['sampler']['name']}, {images['learned']} of {what['batch']} images of "
        f"{what['pixels']} px, {what['runtime']['precision']}, {what['runtime']['memory_format']}\n"
        f"{told['where']['hardware']}, PyTorch {told['where']['versions']['torch']}"
    )


def line(title: str, spread: Mapping[str, float], factor: float = 1) -> str:
    median, low, high = (factor * spread[key] for key in ("median", "low", "high"))
    return f"{title:26}{median:8.3f}  quartiles {low:.3f} - {high:.3f}"


def told_changes(changes: list[Change], differing: list[str]) -> Iterator[str]:
    yield f"{'':22}{'then':>10}{'now':>10}{'change':>10}"
    for change in changes:
        percent = 100 * (change.now / change.then - 1) if change.then else 0.0
        mark = "  worse" if change.worse and not differing else ""
        yield f"{change.name:22}{change.then:10.3f}{change.now:10.3f}{percent:+9.1f}%{mark}"
    if differing:
        yield "not judged, as these differ: " + "; ".join(differing)
