"""The ledger of one run by part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unix_exp.report.blocks import Column, Table
from unix_exp.report.runs import Run
from unix_exp.run.shapes import finite

PARTS = {
    "scout": "scouting: the student or another network scores images", "teacher": "teacher, forward",
    "student_forward": "student, forward", "backward": "backward, priced like the forward pass",
    "other": "heads, losses and further networks", "answers": "stored answers of the teacher",
    "beforehand": "networks trained or fitted beforehand",
}  # fmt: skip
LEDGER = "_gflops"


def costs(run: Run) -> Table:
    total = run.gflops
    percent = run.result["cost"]["percent_of_kd"]
    head: list[str | Column] = ["part", "GFLOPs", "% of this run"]
    if percent is not None:
        head.append(Column("% of KD", hint="of the whole compute of conventional distillation"))
    rows = [
        [PARTS.get(part, part.replace("_", " ")), f"{gflops:,.1f}", *shares(gflops / total if total else 0.0, percent)]
        for part, gflops in {**parts(run), "total": total}.items()
    ]
    against = run.result["cost"].get("against")
    twice = run.result["cost"]["gflops"]["total_gflops_backward_2"]
    notes = [f"With a backward pass priced at two forward passes: {twice:,.1f} GFLOPs."]
    notes += [f"KD is {against}."] if percent is not None and against else []
    return Table("Compute by part, counted operation by operation.", head, rows, "costs", notes=notes)


def shares(share: float, percent: float | None) -> list[str]:
    return [f"{100 * share:.1f}", *([] if percent is None else [f"{share * percent:.1f}"])]


def parts(run: Run) -> dict[str, float]:
    """Of the result; of older ones from the last epoch's record."""
    gflops: Mapping[str, Any] = run.result["cost"]["gflops"]
    known = {key.removesuffix(LEDGER): float(value) for key, value in gflops.items()
             if key.endswith(LEDGER) and finite(value)}  # fmt: skip
    if known.keys() <= {"total"} and run.epochs:
        known = {key.removeprefix("cost/").removesuffix(LEDGER): value for key, value in run.epochs[-1].items()
                 if key.startswith("cost/") and key.endswith(LEDGER)}  # fmt: skip
    order = list(PARTS)
    named = sorted(known.keys() - {"total"}, key=lambda one: (order.index(one) if one in order else len(order), one))
    return {part: known[part] for part in named}
