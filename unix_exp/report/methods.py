"""What the sections of published methods share: their table, the spread of a value over images, and its extremes."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unix_exp.plots.charts import Line, lines
from unix_exp.plots.pictures import Picture, pictures
from unix_exp.report.arms import Arm, Group, same_length, share_of_kd
from unix_exp.report.blocks import Block, Cell, Column, Entry, Figure, Figures, Table, Text, slug
from unix_exp.report.chosen import notes_on_arms
from unix_exp.report.tables import number, schedule_notes
from unix_exp.run.foreign import bytes_of, json_of

NONE_AT_HAND = "no published figure at hand"
SHARES = (0, 5, 25, 50, 75, 95, 100)  # per cent of the images, of the quantiles that every epoch records
ENDS = ("highest", "lowest")
MOST_FIGURES = 24  # of a section: a sweep over a setting would draw hundreds


def methods_table(
    caption: str,
    group: Group,
    arms: Sequence[Arm],
    published: Mapping[str, str],
    anchor: str,
    notes: Sequence[str] = (),
) -> Table:
    """Arms of one pair with their cost and, by label, the published figure where one is known."""
    top = max(arm.top1.mean for arm in arms)
    strong = len(arms) > 1 and same_length(group)
    return Table(
        caption,
        [
            "method",
            Column("last", "top-1 %", "mean ± standard deviation over seeds (their number)"),
            Column("best", "top-1 %"),
            Column("% of KD", "compute", "a backward pass priced like a forward pass"),
            Column("published", "top-1 %"),
        ],
        [
            Entry(
                [
                    arm.label,
                    Cell(str(arm.top1), strong=strong and arm.top1.mean == top),
                    f"{arm.best.mean:.2f}",
                    number(share_of_kd(arm, group)) or "unknown",
                    published.get(arm.label, NONE_AT_HAND),
                ],
                group.about(arm),
            )
            for arm in arms
        ],
        anchor,
        notes=[*notes, *schedule_notes(arms), *notes_on_arms(arms)],
    )


def first_figures(figures: Sequence[Figure], most: int = MOST_FIGURES) -> list[Block]:
    """As many as a page can show, side by side, and how many are left out."""
    shown: list[Block] = [Figures(figures[:most])] if figures else []
    left = len(figures) - most
    return [*shown, Text(f"{left} more figures are not drawn; make a report of fewer runs.")] if left > 0 else shown


def spread_over_images(arm: Arm, group: Group, name: str, y_title: str) -> Figure | None:
    """How a value of the training images is distributed in every epoch; None where they had one value or two."""
    by_epoch: dict[int, list[Sequence[float]]] = {}
    for run in arm.runs:
        for record in run.analysis:
            found = record.get(f"quantiles_{name}")
            if isinstance(found, list) and len(found) == len(SHARES):
                by_epoch.setdefault(record["epoch"], []).append(found)
    marks = {epoch: [statistics.fmean(of_runs) for of_runs in zip(*some, strict=True)]
             for epoch, some in sorted(by_epoch.items())}  # fmt: skip
    if not any(len({value for value in found if found[0] < value < found[-1]}) > 1 for found in marks.values()):
        return None  # of two values no quantile says anything; one between them is interpolated
    epochs, found = list(marks), list(marks.values())
    quarters = [[one[at] for one in found] for at in (2, 4)]
    curves = [
        Line("95 % of images below", epochs, [one[5] for one in found], dashed=True),
        Line("median", epochs, [one[3] for one in found], quarters[0], quarters[1], dashed=False),
        Line("5 % of images below", epochs, [one[1] for one in found], dashed=True),
    ]
    return Figure(
        lines(
            curves,
            "epoch",
            y_title,
            title=f"{y_title} of the training images, {arm.label}, {group.title}",
            styles={line.label: arm.look for line in curves},
        ),
        f"{group.title}, {arm.label}: {y_title} over the training images; the band holds the middle half of them.",
        slug(f"spread {name} {arm.label} {group.dataset} {group.pair}"),
    )


def extremes(arm: Arm, group: Group, name: str, what: str) -> Figure | None:
    """The training images with the highest and the lowest value, of the first seed that has pictures of them."""
    for run in arm.runs:
        shown = pictures_of(run.path / "images", name, what)
        if shown:
            return Figure(
                pictures(shown, title=f"Training images by their {what}, {arm.label}, {group.title}"),
                f"{group.title}, {arm.label}, seed {run.result['seed']}: the training images with the highest and the "
                f"lowest {what} at the end, cropped and mirrored at random as in training. "
                + " ".join(f"{one.heading.capitalize()}: {one.description}." for one in shown),
                slug(f"extremes {name} {arm.label} {group.dataset} {group.pair}"),
            )
    return None


def pictures_of(folder: Path, name: str, what: str) -> list[Picture]:
    """Empty where the files are not there or not whole: a report is made of what there is."""
    try:
        described: dict[str, list[dict[str, Any]]] = json_of(folder / f"{name}.json")
        found = [
            Picture(f"{end} {what}, {limits(described[end])}", bytes_of(folder / f"{name}-{end}.png"),
                    classes(described[end]))
            for end in ENDS
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return found if all(one.whole for one in found) else []


def limits(images: Sequence[Mapping[str, Any]]) -> str:
    values = [float(one["value"]) for one in images]
    if min(values) == max(values):
        return f"{min(values):.3g}, chosen at random among equals"
    return f"{min(values):.3g} to {max(values):.3g}"


def classes(images: Sequence[Mapping[str, Any]]) -> str:
    """Which classes, the most frequent first."""
    counted = Counter(str(one["class"]) for one in images)
    return ", ".join(name if times == 1 else f"{name} ({times})" for name, times in counted.most_common())
