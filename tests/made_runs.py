"""Run folders as training leaves them, made up: what a report must read, in numbers that a test knows."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

CLASSES = 10
SAMPLERS: dict[str, dict[str, Any]] = {
    "kd": {"name": "everything", "scout_anyway": False},
    "random": {"name": "random", "k": 48, "scout_anyway": False},
    "unix": {
        "name": "unix", "k": 48, "w": 10.0, "b": 32.0, "alpha": 1.0, "uncertainty": "entropy", "scout_mode": "train",
    },
}  # fmt: skip


def made(
    runs: Path, method: str = "unix", pair: tuple[str, str] = ("vgg13", "vgg8"), seed: int = 0, top1: float = 73.5,
    epochs: int = 3, analysed: bool = True, dataset: str = "cifar100", schedule: int = 240, **sampler: Any,
) -> Path:  # fmt: skip
    """One finished run; `epochs` are recorded, `schedule` is what the recipe says."""
    rng = random.Random(f"{method} {pair} {seed} {sampler}")
    light = pair[1] in ("shufflev1", "shufflev2", "mobilenetv2")
    student = {"name": pair[1], "pace": "light" if light else "full"}
    settings = {
        "student": student,
        "teacher": {"checkpoint": "auto", "seed": 1000, "name": pair[0], "pace": "full"},
        "dataset": {"name": dataset, "root": "data", "download": True, "augment": True, "flip": True},
        "distiller": {"name": "offline"},
        "sampler": {**SAMPLERS[method], **sampler},
        "criterion": {"kd": {"weight": 1.0, "tau": 4.0}},
        "recipe": {"epochs": schedule, "batch": 64, "lr": 0.01 if light else 0.05, "momentum": 0.9},
        "runtime": {"precision": "float32"},
        "seed": seed,
        "method": method,
    }
    k = settings["sampler"].get("k", 64)
    share = 100 * (k / 64 + (0.2 if method == "unix" else 0.0))
    identity = f"{rng.getrandbits(48):012x}"
    folder = runs / f"{pair[0]}_{pair[1]}-{dataset}-{method}-s{seed}-{identity}"
    folder.mkdir(parents=True)
    records, analysis = [], []
    for epoch in range(1, epochs + 1):
        accuracy = top1 * (1 - 0.5 / epoch + 0.5 / epochs)
        records.append({
            "epoch": epoch, "train/loss": 1 / epoch, "test/top1": accuracy, "test/top5": min(100.0, accuracy + 20),
            "cost/total_gflops": 1000.0 * epoch * share, "cost/percent_of_kd": share,
            "analysis/teacher_entropy_kept": 1.0 + epoch / 10, "analysis/teacher_entropy_left_out": 0.5,
            "analysis/teacher_distance_kept": 3.0, "analysis/teacher_distance_left_out": 2.0,
            **{f"cost/{part}_gflops": 250.0 * epoch for part in ("scout", "teacher", "student_forward", "backward")},
        })  # fmt: skip
    for epoch in range(1, schedule + 1) if analysed else ():
        analysis.append({
            "epoch": epoch, "drawn_per_class": [rng.randrange(20, 60) for _ in range(CLASSES)],
            "accuracy_per_class": [round(rng.uniform(40, 95), 2) for _ in range(CLASSES)],
        })  # fmt: skip
    total = records[-1]["cost/total_gflops"]
    result = {
        "identity": identity, "pair": "_".join(pair), "method": method, "seed": seed, "dataset": dataset,
        "student": pair[1], "teacher": {"name": pair[0], "identity": "teacher", "top1": 74.0, "top5": 93.0},
        "last": {"epoch": schedule, "top1": top1, "top5": min(100.0, top1 + 20)},
        "best": {"epoch": schedule - 2, "top1": top1 + 0.2, "top5": min(100.0, top1 + 20)},
        "cost": {
            "gflops": {"total_gflops": total, "total_gflops_backward_2": 1.2 * total},
            "percent_of_kd": share, "percent_of_kd_backward_2": 0.98 * share,
        },
        "time": {"train_seconds": 3600.0, "images_per_second": 3333.0}, "steps": 781 * schedule,
        "hardware": "a machine that is made up", "versions": {"torch": "2.15.0"}, "settings": settings,
    }  # fmt: skip
    (folder / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    if analysed:
        (folder / "analysis.jsonl").write_text("".join(json.dumps(record) + "\n" for record in analysis))
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def changed(folder: Path, **changes: Any) -> Path:
    """A run as if its settings had been others, by dotted name."""
    result = json.loads((folder / "result.json").read_text())
    for name, value in changes.items():
        *path, key = name.split("__")
        group = result
        for part in path:
            group = group[part]
        group[key] = value
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def table(name: str) -> list[dict[str, str]]:
    """A table of the report in the current folder, row by row."""
    with Path(f"report/tables/{name}.csv").open() as file:
        return list(csv.DictReader(file))


def row(name: str, group: str, method: str) -> dict[str, str]:
    return next(one for one in table(name) if one["group"] == group and one["method"] == method)
