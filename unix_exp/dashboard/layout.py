"""A project's W&B workspace: accuracy against compute first, then what explains it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from wandb_workspaces import expr
from wandb_workspaces import workspaces as ws
from wandb_workspaces.reports import v2 as wr

from unix_exp import paper
from unix_exp.sinks.wandb import COST_AXIS

SHARE, EPOCH = "cost/percent_of_kd", "epoch"
LABELS = {
    COST_AXIS: "GFLOPs spent",
    SHARE: "compute, % of KD",
    EPOCH: "epoch",
    "time/train_seconds": "seconds of training",
    "test/top1": "last top-1, %",
    "best/top1": "best top-1, %",
}
PARTS = (
    "cost/scout_gflops", "cost/teacher_gflops", "cost/answers_gflops", "cost/student_forward_gflops",
    "cost/backward_gflops",
)  # fmt: skip
METHOD, PAIR, DATASET = expr.Config("method"), expr.Config("pair"), expr.Config("dataset.name")
COLUMNS = (
    "config:seed.value", "summary:test/top1", "summary:best/top1", f"summary:{SHARE}", f"summary:{COST_AXIS}",
    "summary:time/train_seconds",
)  # fmt: skip


def workspace(project: str, entity: str, name: str) -> ws.Workspace:
    """Every run but the teachers', grouped by method, pair and data set, so that a line is the mean over seeds."""
    made = ws.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=sections(),
        settings=ws.WorkspaceSettings(x_axis=COST_AXIS, max_runs=100),  # twelve pairs by eight methods
        runset_settings=ws.RunsetSettings(
            filters=expr.And(METHOD != "teacher"),
            groupby=[METHOD, PAIR, DATASET],
            # A method's pairs inherit its colour.
            group_colors={ws.GroupPath(method): colour for method, colour in paper.published()["colours"].items()},
            order=[expr.Ordering(expr.Summary("test/top1"), ascending=False)],
            pinned_columns=list(COLUMNS),
        ),
    )
    made._internal_runset_id = fixed_id("runs")
    return made


def sections() -> list[ws.Section]:
    return [
        section(
            "Accuracy against compute",
            scatter(COST_AXIS, "test/top1"),
            scatter(SHARE, "test/top1"),
            scatter(COST_AXIS, "best/top1"),
            scatter(SHARE, "best/top1"),
            columns=2,
        ),
        section("Learning curves over compute", *curves(COST_AXIS), axis=COST_AXIS),
        section("Learning curves over epochs", *curves(EPOCH), line("Learning rate", EPOCH, "train/lr")),
        section(
            "Cost by part",
            bars("Scouting, teacher, stored answers, student forward, backward: GFLOPs", *PARTS),
            bars("GFLOPs in all, a backward pass at one forward and at two", COST_AXIS, f"{COST_AXIS}_backward_2"),
            bars("Per cent of KD, a backward pass at one forward and at two", SHARE, f"{SHARE}_backward_2"),
            *(line(f"{title}: GFLOPs", EPOCH, part) for title, part in zip(
                ("Scouting", "Teacher", "Stored answers", "Student forward", "Backward"), PARTS, strict=True)),
        ),
        section(
            "By pair and method",
            bars("Last top-1, %", "test/top1"),
            bars("Compute, % of KD", SHARE),
            from_setting_to_accuracy(),
            wr.RunComparer(diff_only="split"),
            columns=2,
        ),
        section(
            "Uncertainty and distance of kept and left-out images",
            *(line(title, EPOCH, f"analysis/{kind}_kept", f"analysis/{kind}_left_out") for title, kind in (
                ("Student's entropy", "student_entropy"),
                ("Teacher's entropy", "teacher_entropy"),
                ("Distance to the class centre, student's features", "student_distance"),
                ("Distance to the class centre, teacher's features", "teacher_distance"),
            )),
            columns=2,
        ),
        section(
            "Speed",
            line("Images per second", EPOCH, "time/images_per_second"),
            line("Seconds per epoch", EPOCH, "time/epoch_seconds"),
            scatter("time/train_seconds", "test/top1"),
        ),
    ]  # fmt: skip


def section(name: str, *panels: Any, axis: str = EPOCH, columns: int = 3) -> ws.Section:
    for number, panel in enumerate(panels):
        panel._id = fixed_id(f"{name}/{number}")
    return ws.Section(
        name=name,
        panels=list(panels),
        is_open=True,
        layout_settings=ws.SectionLayoutSettings(columns=columns, rows=-(-len(panels) // columns)),
        panel_settings=ws.SectionPanelSettings(x_axis=axis),
    )


def scatter(x: str, y: str) -> wr.ScatterPlot:
    """A point for each run, from its summary."""
    return wr.ScatterPlot(title=f"{LABELS[y]}, by {LABELS[x]}", x=wr.SummaryMetric(x), y=wr.SummaryMetric(y))


def curves(axis: str) -> list[wr.LinePlot]:
    """On test images, or on the validation images of runs that choose their epoch on these."""
    tops = {"Top-1, %": "top1", "Top-5, %": "top5"}
    accuracies = [line(title, axis, f"test/{name}", f"val/{name}") for title, name in tops.items()]
    return [*accuracies, line("Training loss", axis, "train/loss")]


def line(title: str, x: str, *metrics: str) -> wr.LinePlot:
    """The mean of each group, in a band from the lowest to the highest seed."""
    return wr.LinePlot(
        title=title, x=x, y=list(metrics), title_x=LABELS[x], groupby_aggfunc="mean", groupby_rangefunc="minmax"
    )


def bars(title: str, *metrics: str) -> wr.BarPlot:
    return wr.BarPlot(title=title, metrics=list(metrics), groupby_aggfunc="mean", groupby_rangefunc="minmax")


def from_setting_to_accuracy() -> wr.ParallelCoordinatesPlot:
    """Each run is a line through its pair, method, compute and accuracy."""
    metrics = (wr.Config("pair"), wr.Config("method"), wr.SummaryMetric(SHARE), wr.SummaryMetric("test/top1"))
    return wr.ParallelCoordinatesPlot(
        title="From pair and method to accuracy",
        columns=[
            wr.ParallelCoordinatesPlotColumn(metric=metric, display_name=LABELS.get(metric.name)) for metric in metrics
        ],
    )


def fixed_id(what: str) -> str:
    """The library draws random ids; with fixed ones the same workspace is the same bytes."""
    return hashlib.sha256(what.encode()).hexdigest()[:12]


def as_json(made: ws.Workspace) -> str:
    """What the library would send, readable."""
    view = made._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(view, indent=1) + "\n"
