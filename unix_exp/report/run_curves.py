"""Accuracy and loss of one run, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence

from unix_exp.plots.charts import Line, Rule, lines
from unix_exp.report.blocks import Block, Figure, Figures, Text
from unix_exp.report.runs import Run

MOST_TERMS = 7  # beside the whole loss
NO_TERM = ("train/loss", "train/lr", "train/stage")
NEAR = 15.0  # per cent above the best epoch: a teacher further up would flatten the curve


def blocks(run: Run) -> list[Block]:
    found = [figure for figure in (accuracy(run), loss(run)) if figure is not None]
    return [Figures(found)] if found else [Text("No epoch was recorded.")]


def accuracy(run: Run) -> Figure | None:
    where = "validation" if run.chose_on_validation else "test"
    curve = over_epochs(run, f"{'val' if run.chose_on_validation else 'test'}/top1", f"on {where} images")
    if curve is None:
        return None
    teacher, top = run.result["teacher"], max(y for y in curve.ys if y is not None)
    rules = (
        [Rule(f"teacher {teacher['top1']:.2f}", y=teacher["top1"])] if teacher and teacher["top1"] <= top + NEAR else []
    )
    if run.chose_on_validation:
        rules.append(Rule("chosen", x=run.result["val"]["epoch"]))
    chart = lines([curve], "epoch", f"{where} accuracy, top-1 %", title="Accuracy by epoch", rules=rules)
    return Figure(chart, f"Accuracy on {where} images after each epoch that was evaluated.", "accuracy")


def loss(run: Run) -> Figure | None:
    """The loss that was trained on, and its terms where there are several."""
    names = dict.fromkeys(key for record in run.epochs[:1] + run.epochs[-1:] for key in record
                          if key.startswith("train/") and key not in NO_TERM)  # fmt: skip
    terms = [curve for name in sorted(names)[:MOST_TERMS] if (curve := over_epochs(run, name, name[6:])) is not None]
    whole = over_epochs(run, "train/loss", "loss")
    curves = [*([whole] if whole is not None else []), *(terms if not same(whole, terms) else [])]
    if not curves:
        return None
    chart = lines(curves, "epoch", "training loss", title="Loss by epoch")
    left = len(names) - MOST_TERMS
    more = f" {left} terms are not drawn." if left > 0 else ""
    return Figure(chart, f"Loss on training images, mean over each epoch's steps.{more}", "loss")


def same(whole: Line | None, terms: Sequence[Line]) -> bool:
    """Whether the only term is the loss itself."""
    return whole is not None and len(terms) == 1 and list(terms[0].ys) == list(whole.ys)


def over_epochs(run: Run, key: str, label: str) -> Line | None:
    points = [(record["epoch"], record[key]) for record in run.epochs if key in record]
    return Line(label, [x for x, _ in points], [y for _, y in points]) if points else None
