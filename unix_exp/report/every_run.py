"""Every run in a row of its own, which leads to its page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unix_exp.report.arms import Arm, Group, share_of_kd
from unix_exp.report.blocks import RUNS, Column, Entry, Section, Table, Text
from unix_exp.report.runs import Run
from unix_exp.report.tables import number
from unix_exp.words import counted, duration

MOST_PAGES = 2000  # runs that get a page unless more are asked for: a page is 50 KB


class Place(NamedTuple):
    """Where a run stands: its pair, its arm and its share of KD's compute; a teacher's run has no group."""

    run: Run
    group: Group | None
    arm: Arm | None
    share: float | None

    @property
    def label(self) -> str:
        return self.arm.label if self.arm is not None else self.run.result["method"]

    @property
    def about(self) -> dict[str, str]:
        result, run = self.run.result, self.run
        return {"dataset": result["dataset"], "pair": self.group.pair if self.group is not None else result["pair"],
                "method": result["method"], "seed": str(result["seed"]), RUNS: run.page}  # fmt: skip


def places(runs: Sequence[Run], found: Sequence[Group]) -> list[Place]:
    """Each run once, by its first group: a student without a teacher may be in several."""
    known: dict[str, Place] = {}
    for group in found:
        for arm in group.arms:
            share = share_of_kd(arm, group)
            for run in arm.runs:
                known.setdefault(run.page, Place(run, group, arm, share))
    return [known.get(run.page, Place(run, None, None, None)) for run in runs]


def section(found: Sequence[Place], most: int) -> Section:
    datasets = len({place.run.result["dataset"] for place in found}) > 1
    head: list[str | Column] = [
        "run", "pair", *["dataset"] * datasets, "seed", Column("last", "top-1 %"), Column("best", "top-1 %"),
        Column("% of KD", "compute", "of KD over as many epochs; a backward pass priced like a forward pass"),
        Column("GFLOPs", "compute"), Column("time", hint="of training, without evaluation"),
    ]  # fmt: skip
    table = Table(
        "Each run, with a link to its page.", head, [row(place, datasets) for place in found], "every-run-table",
        texts=3 if datasets else 2,
    )  # fmt: skip
    left = len(found) - most
    words = f"The first {counted(most, 'run')} have pages; --run-pages {len(found)} makes one for each." if most else (
        "No run has a page of its own; --run-pages makes them.")  # fmt: skip
    return Section("Every run", "every-run", [*([Text(words)] if left > 0 else []), table])


def row(place: Place, datasets: bool) -> Entry:
    run, about = place.run, place.about
    cells = [
        place.label, about["pair"], *[about["dataset"]] * datasets, about["seed"], f"{run.top1:.2f}",
        f"{run.result['best']['top1']:.2f}", number(place.share), f"{run.gflops:,.0f}",
        duration(run.result["time"]["train_seconds"]),
    ]  # fmt: skip
    return Entry(cells, about)
