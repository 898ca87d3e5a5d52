"""The bench's figures as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from unix_exp.bench.compare import Change
from unix_exp.bench.rows import ABOUT, OURS

TITLES = {
    "step_over_floor": "full step / floor",
    "speed_over_plain": "images/s / plain loop's",
    "speed_over_plain_workers": "the same, workers load",
    "time_of_kd": "full step / KD's",
    "share_of_data": "data / full step",
    "share_of_looks": "analysis / full step",
}


def table(figures: Mapping[str, Any]) -> Iterator[str]:
    yield heading(figures)
    yield ""
    yield f"{'':15}{'ms/step':>10}{'quartiles':>21}{'n':>5}{'img/s':>10}"
    for name, spread in figures["ms_per_step"].items():
        speed = figures["images_per_second"].get(name)
        images = "-" if speed is None else f"{speed:,.0f}"
        between = quartiles(spread, 2)
        yield f"{name:15}{spread['median']:10.2f}{between:>21}{spread['n']:5}{images:>10}  {ABOUT[name]}"
    yield ""
    for name, spread in figures["ratios"].items():
        yield f"{TITLES[name]:30}{spread['median']:9.4f}{quartiles(spread, 4):>19}"
    yield from savings(figures["compute"])
    if (peak := figures["peak"]) is not None:
        reached = f"{peak['tflops']:.1f} of {peak['peak_tflops']} TFLOP/s"
        yield f"{'share of the peak, %':30}{peak['percent']:9.2f}  {reached}"
    held = {name: f"{count / 2**20:,.0f}" for name, count in figures["bytes"].items()}
    if OURS in held:
        yield f"{'most GPU memory of our step':30}{held[OURS]:>9} MiB"
    yield f"{'most memory of the process':30}{held['process']:>9} MiB, all contestants together"


def heading(figures: Mapping[str, Any]) -> str:
    what, where, images = figures["what"], figures["where"], figures["compute"]["images"]
    return (
        f"{what['pair']}: {what['sampler']['name']}, {images['learned']} of {what['batch']} images of "
        f"{what['pixels']} px, {what['runtime']['precision']}, {what['runtime']['memory_format']}\n"
        f"{where['hardware']}, PyTorch {where['versions']['torch']}"
    )


def together(figures: Mapping[str, Any]) -> Iterator[str]:
    what, where = figures["what"], figures["where"]
    yield f"{what['pair']}: {what['sampler']['name']}, batch {what['batch']}, {what['runtime']['precision']}"
    yield f"{where['hardware']}, PyTorch {where['versions']['torch']}; turns of {figures['how']['seconds']:g} seconds"
    yield ""
    yield f"{'runs at once':12}{'img/s in all':>14}{'quartiles':>21}{'n':>5}{'over the first':>16}"
    for count, spread in figures["images_per_second"].items():
        ratio = figures["over_the_first"][count]
        yield f"{count:>12}{spread['median']:14,.1f}{quartiles(spread, 1):>21}{spread['n']:5}{ratio:16.3f}"


def quartiles(spread: Mapping[str, float], digits: int) -> str:
    return f"{spread['low']:.{digits}f} - {spread['high']:.{digits}f}"


def savings(compute: Mapping[str, Any]) -> Iterator[str]:
    if "time_saved" not in compute:
        return
    yield f"{'time saved against KD, %':30}{compute['time_saved']:9.2f}"
    for price, words in ((1, "one forward pass"), (2, "two forward passes")):
        flops, behind = (compute[f"{name}_backward_{price}"] for name in ("flops_saved", "points_behind"))
        side = "behind" if behind >= 0 else "ahead"
        yield (
            f"{'FLOPs saved against KD, %':30}{flops:9.2f}  backward priced at {words}: "
            f"the time is {abs(behind):.2f} points {side}"
        )


def changes_table(changes: list[Change], differing: list[str]) -> Iterator[str]:
    yield f"{'':30}{'then':>10}{'now':>10}{'change':>10}"
    for change in changes:
        percent = f"{100 * (change.now / change.then - 1):+.1f} %" if change.then else "-"
        mark = "  worse" if change.worse and not differing else ""
        name = TITLES.get(change.name, change.name)
        yield f"{name:30}{change.then:10.4g}{change.now:10.4g}{percent:>10}{mark}"
    if differing:
        yield "not judged, as these differ: " + "; ".join(differing)
