"""A report with everything in it that a report can hold, from made-up numbers."""

from __future__ import annotations

import math
import random
import re

from unix_exp.plots.charts import Front, Line, Point, Rule, heatmap, lines, scatter
from unix_exp.report.blocks import (
    MISSING,
    Cell,
    Code,
    Column,
    Figure,
    Figures,
    Heading,
    Notice,
    Section,
    Table,
    Text,
)

SCRIPT = "<script>alert(1)</script>"
QUOTES = "\"&'</title><img src=http://example.org/x onerror=alert(2)>"
LONG = "a_student_of_many_names_" * 7 + "end"
METHODS = ("KD", "Random k=48", "UNIX k=36", "UNIX k=48")
PAIRS = ("WRN-40-2 → WRN-16-2", "WRN-40-2 → WRN-40-1", "ResNet56 → ResNet20", "ResNet32x4 → ResNet8x4")
COMPUTE = "training compute (% of conventional distillation)"
ACCURACY = "CIFAR-100 test accuracy (%)"


def tradeoff(rng: random.Random) -> str:
    points = []
    for index, method in enumerate(METHODS):
        for pair in range(3):
            x, y = (100, 75, 76, 93)[index] + pair * 1.6 * (index > 1), 73.2 + index * 0.35 + pair * 0.3
            points.append(Point(x, y + rng.gauss(0, 0.15), method, PAIRS[pair], error=0.21, named=index > 1))
            points.append(Point(x, y + 0.2, method, PAIRS[pair], published=True))
    points.append(Point(float("nan"), 70, "KD", "diverged"))
    own = [point for point in points if not point.published]
    rules = [Rule("teacher", y=75.61)]
    return scatter(
        points,
        COMPUTE,
        ACCURACY,
        title="accuracy against compute",
        fronts=[Front("best for its cost", own)],
        rules=rules,
    )


def classes(rng: random.Random) -> str:
    points = [
        Point(rng.gauss(24_000, 6_000), 75 + rng.gauss(0, 9) - 8 * index, method, f"class {label}")
        for index, method in enumerate(("Random", "UNIX"))
        for label in range(100)
    ]
    return scatter(points, "samples drawn of the class", "class accuracy (%)", title="accuracy by samples drawn")


def learning(rng: random.Random, by: str, factor: float) -> str:
    series = []
    for index, method in enumerate(METHODS):
        xs = [epoch * factor for epoch in range(1, 241)]
        ys: list[float | None] = [
            74 - 40 * math.exp(-epoch / 40) - 6 * (epoch < 150) + index * 0.8 + rng.gauss(0, 0.8)
            for epoch in range(240)
        ]
        low, high = ([None if y is None else y + side * 1.5 for y in ys] for side in (-1, 1))
        if index == 2:
            ys[90:120] = [None] * 30
            ys[105] = 62.0
        series.append(Line(method, xs, ys, low, high))
    drops = [Rule(f"rate / {10 ** (index + 1)}", x=epoch * factor) for index, epoch in enumerate((150, 180, 210))]
    return lines(series, by, ACCURACY, title=f"learning by {by}", rules=drops)


def kept(rng: random.Random) -> str:
    epochs = range(1, 241)
    series = [
        Line(f"{method}, {part}", epochs, [start * math.exp(-epoch / 90) + 0.05 * rng.random() for epoch in epochs],
             dashed=part == "left out", like=method)
        for method, start in (("UNIX", 2.2), ("Random", 1.6)) for part in ("kept", "left out")
    ]  # fmt: skip
    return lines(series, "epoch", "entropy of the student (nats)", title="kept and left out")


def counts(rng: random.Random, epochs: int = 240, classes: int = 100) -> str:
    rates = [rng.gauss(375, 60) for _ in range(classes)]
    rows = [[rate + rng.gauss(0, 12) + epoch * (rate - 375) / 200 for rate in rates] for epoch in range(epochs)]
    return heatmap(rows, "class", "epoch", "samples drawn in an epoch", title="samples by class and epoch")


def hostile() -> str:
    points = [Point(index * 1e9, 10.0 * index, name, name, named=True, published=index == 2)
              for index, name in enumerate((SCRIPT, QUOTES, LONG, "\x00\x1b\udcff", ""))]  # fmt: skip
    return scatter(points, f"{LONG} {SCRIPT} (GFLOPs)", f"{QUOTES} (%)", title=SCRIPT, fronts=[Front(LONG, points)])


def many() -> str:
    series = [Line(f"method number {index}", [0, 1, 2], [index, index + 1.5, index + 2]) for index in range(14)]
    return lines(series, "epoch", "accuracy (%)", title="many")


def results() -> Table:
    head = [Column("pair"), Column("method"), *(
        Column(title, group) for group in ("top-1 %", "compute %", "hours", "seeds", "best %")
        for title in ("ours", "paper")
    )]  # fmt: skip
    rows: list = []
    for pair in PAIRS:
        rows.append(Heading(pair))
        for index, method in enumerate(METHODS):
            numbers = [Cell(f"7{index + 2}.{index}4 ± 0.12", strong=index == 3), f"7{index + 2}.06"] * 5
            rows.append([method, "sampler.k=48", *numbers[:-1], MISSING])
    return Table("Table 2. Similar architectures, without labels.", head, rows, anchor="table-2", texts=2,
                 notes=["Mean and standard deviation over four seeds; bold is the best of a pair."])  # fmt: skip


def hostile_table() -> Table:
    rows = [[SCRIPT, "1.0", QUOTES], [LONG, "2.0 | 3", Cell(LONG, hint=QUOTES)], ["*a* [b](c) `d`", MISSING, "-1"]]
    return Table(f"Names | {SCRIPT}", ["name", "a|b", QUOTES], rows, notes=[LONG])


def sections() -> list[Section]:
    rng = random.Random(0)
    return [
        Section("Summary", "summary", [
            Notice("2 folders were left out", ["runs/x: not finished", f"runs/{SCRIPT}: no result.json"]),
            Text("All on one axis: what each reaches, and what it took.\n\nPoints of the paper are diamonds."),
            Figure(tradeoff(rng), "Figure 1. Accuracy against compute. Bars are one standard deviation.", "fig-1"),
        ]),
        Section("Tables", "tables", [results(), hostile_table()]),
        Section("Learning", "learning", [Figures([
            Figure(learning(rng, "epoch", 1), "Learning by epoch.", "learning-epoch"),
            Figure(learning(rng, "training compute (GFLOPs)", 3.1e7), "Learning by compute.", "learning-compute"),
            Figure(kept(rng), "Figure 4a. What is kept is what the student is unsure of.", "fig-4a"),
        ])]),
        Section("Classes", "classes", [Figures([
            Figure(classes(rng), "Figure 5a. Class accuracy by samples drawn.", "fig-5a"),
            Figure(counts(rng), "Figure 6. Samples drawn.", "fig-6"),
            Figure(many(), "Fourteen series.", "many"),
            Figure(counts(rng, 3, 10), "A short run.", "short"),
            Figure(lines([Line("one", range(123_400, 123_409), range(9))], "step", "loss", title="far"), "Far.", "far"),
            Figure(lines([], "epoch", "loss", title="none"), "No runs.", "none"),
            Figure(lines([Line("one", [1], [70.0])], "epoch", "loss", title="one"), "One epoch.", "one"),
        ])]),
        Section(f"Names {SCRIPT} {LONG}", "names", [
            Text(f"{SCRIPT}\n\n{LONG}"), Figure(hostile(), f"{SCRIPT} {QUOTES} {LONG}", "hostile"),
            Code(f"Lines {SCRIPT}", f"# {SCRIPT}\npython -m unix_exp.train {LONG} {QUOTES} ```"),
            Notice("Many", [f"folder {LONG} {index}" for index in range(20)]),
        ]),
    ]  # fmt: skip


def luminance(colour: str) -> float:
    """How bright a colour is, as the web's guidelines on contrast define it."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)
