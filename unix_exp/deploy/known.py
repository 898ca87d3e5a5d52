"""Everything that a model card says, gathered in one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unix_exp.deploy.entrants import of_role
from unix_exp.deploy.judged import Judged, judged
from unix_exp.deploy.records import exports_of
from unix_exp.deploy.with_data import RunAndData, with_data
from unix_exp.engine.evaluate import evaluation_batch
from unix_exp.run.description import Description, described
from unix_exp.run.load import load, read_result
from unix_exp.run.measured import Measured, read_measured
from unix_exp.run.networks import STUDENT, TEACHER
from unix_exp.types import Mistake, Watch


class Images(NamedTuple):
    """The data set, where it was there when the card was written."""

    train: int
    val: int
    test: int
    size: int  # side in pixels, as the network sees them
    notes: tuple[str, ...]  # what is odd about the files
    examined: bool  # whether equal files were looked for
    judged: Judged  # the student


class Known(NamedTuple):
    """A finished run."""

    path: Path
    result: Mapping[str, Any]
    description: Description | None  # None for runs of earlier versions
    classes: tuple[str, ...]
    parameters: int
    bytes: int  # of the student's file
    images: Images | None  # None where they were not there
    measured: Measured | None
    exports: Mapping[str, Mapping[str, Any]]


def known(run: Path, device: str, watch: Watch, most: int | None = None, moved: Path | None = None) -> Known:
    """What is known of a run, its student asked about the test images, or about so many of them."""
    try:
        of = with_data(run, device, watch, moved)
    except Mistake:
        return gathered(run, read_result(run), None)  # a run that is damaged itself says so here
    student = of_role(of, STUDENT)
    batch = evaluation_batch(of.result["settings"]["recipe"]["batch"], of.data.size, of.device)
    return known_from(of, judged({STUDENT: student.logits}, of.data, batch, watch, most)[STUDENT], watch)


def known_from(of: RunAndData, student: Judged, watch: Watch) -> Known:
    """The same, of guesses that were made."""
    data: Any = of.data
    examine = getattr(data, "examine", None)
    notes = () if examine is None else tuple(examine(watch))
    counts = data.train_count, getattr(data, "val_count", 0), data.test_count
    images = Images(*counts, data.size, notes, examine is not None, student)
    return gathered(of.path, of.result, images, tuple(data.classes))


def gathered(run: Path, result: Mapping[str, Any], images: Images | None, classes: tuple[str, ...] = ()) -> Known:
    file = run / "student.safetensors"
    description = described(file)
    try:
        exports = exports_of(run)
    except Mistake:  # measuring and exporting say so
        exports = {}
    return Known(
        path=run,
        result=result,
        description=description,
        classes=classes if description is None else description.classes,
        parameters=sum(one.numel() for one in load(run).parameters()),
        bytes=file.stat().st_size,
        images=images,
        measured=measured_of(run, result, exports),
        exports=exports,
    )


def measured_of(run: Path, result: Mapping[str, Any], exports: Mapping[str, Mapping[str, Any]]) -> Measured | None:
    """What was measured, without files that were exported anew since."""
    try:
        found = read_measured(run, result)
    except (OSError, ValueError):  # none, or not whole: one command measures anew
        return None
    roles = (STUDENT, TEACHER)
    same = [
        one
        for one in found["networks"]
        if one["name"] in roles or exports.get(one["name"], {}).get("hash") == one["hash"]
    ]
    return {**found, "networks": same}
