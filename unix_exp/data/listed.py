"""Images of your own named in a list: CSV or parquet with a path and a label in each row."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from unix_exp.data.augment.choice import Augment, Flip
from unix_exp.data.common import Cache, Common, Mean, Size, Std, Stream, Title
from unix_exp.data.files import UNFIT, Files
from unix_exp.data.held_out import Apart, HeldOut, SplitSeed, TestShare
from unix_exp.data.labels import LONGEST, numbered
from unix_exp.data.layouts import HALVES
from unix_exp.data.listing import Listing, divided
from unix_exp.data.opening import looked_up, shown
from unix_exp.data.pairs import ordered, root_of
from unix_exp.data.streamed import Workers
from unix_exp.data.tables import Table, table_of
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake
from unix_exp.words import as_line, nearest

USUAL = {
    "path": (
        "path",
        "file",
        "filename",
        "image",
        "filepath",
        "file_name",
        "file_path",
        "image_path",
        "img",
        "img_path",
    ),
    "label": ("label", "class", "target", "category", "class_name", "label_name", "labels"),
    "split": ("split", "subset", "partition", "fold", "set"),
}  # names of columns, in any case; the first that is there


@datasets.register("listed")
def of_list(
    path: Annotated[str, "the file, CSV or parquet; paths in it are relative to its folder"],
    columns: Annotated[
        dict[str, str] | None, "the names of its columns, by path, label and split; null: the usual names"
    ] = None,
    title: Title | None = None,
    size: Size | None = None,
    mean: Mean | None = None,
    std: Std | None = None,
    cache: Cache = "data/cache",
    augment: Augment = True,
    flip: Flip = True,
    stream: Stream | None = None,
    workers: Workers | None = None,
    test: TestShare | None = None,
    val: HeldOut = 0.0,
    split_seed: SplitSeed = 0,
) -> Dataset:
    """The images of a list, on the device if small and few, else streamed."""
    common = Common(size, mean, std, cache, augment, flip, stream, workers)
    common.check()
    where = os.path.expanduser(path)
    if os.path.isdir(where):
        raise Mistake(f"dataset.path is '{path}', a folder; for a folder of images choose dataset=folder")
    for key in columns or {}:
        if key not in USUAL:
            raise Mistake(f"dataset.columns has no '{key}'; {nearest(key, USUAL)}")
    return common.of(listing_of(where, columns or {}, Apart(test, val, split_seed)))


class Row(NamedTuple):
    path: str
    label: str
    half: str
    where: str


def listing_of(path: str, columns: dict[str, str], apart: Apart) -> Listing:
    rows = rows_of(table_of(path), os.path.dirname(path), columns)
    halves = {half: [row for row in rows if row.half == half] for half in HALVES}
    if not halves["train"]:
        raise Mistake(f"'{shown(path)}' has no row of split train; name the rows to train on so")
    if not halves["test"]:
        halves["test"] = halves.pop("val")  # as in a folder: what is not trained on is tested on
    halves = {half: some for half, some in halves.items() if some}
    classes, labels = numbered(shown(path), {half: [row.label for row in some] for half, some in halves.items()})
    files = {half: files_of(some, labels[half]) for half, some in halves.items()}
    return divided(root_of([row.path for row in rows]), shown(path), classes, *ordered(files), apart)


def rows_of(table: Table, folder: str, columns: dict[str, str]) -> list[Row]:
    """Every row, or the first that can't be used by its line."""
    place, kind = (table.needed(what, USUAL[what], columns.get(what)) for what in ("path", "label"))
    part = table.column("split", USUAL["split"], columns.get("split"))
    known = {name: half for half, names in HALVES.items() for name in names}
    seen: dict[str, int] = {}
    found = []
    for number, row in enumerate(table.rows):
        where = table.where(number)
        path = os.path.abspath(os.path.join(folder, os.path.expanduser(text_of(row[place], "path", where))))
        if UNFIT.search(path):
            raise Mistake(f"{where} has a path with controls, {path!a}; rename the file")
        if path in seen:
            raise Mistake(
                f"{where} names '{shown(path)}' again, after {table.line} {table.lines[seen[path]]}; keep one"
            )
        seen[path] = number
        half = "train" if part is None else known.get(text_of(row[part], "split", where).lower())
        if half is None:
            value = as_line(str(row[part]))[:LONGEST]  # type: ignore[index]
            raise Mistake(
                f"{where} has split '{value}'; write train, val or test, or choose another column "
                "('dataset.columns={split: NAME}')"
            )
        found.append(Row(path, text_of(row[kind], "label", where), half, where))
    return found


def text_of(value: Any, what: str, where: str) -> str:
    """A cell as text; whole numbers count as their digits."""
    if isinstance(value, float):  # as pandas writes whole numbers beside a row that has none
        value = int(value) if value.is_integer() else None if value != value else value
    if isinstance(value, bool) or not isinstance(value, (str, int, type(None))):
        raise Mistake(f"{where} has {type(value).__name__} as its {what}; a {what} is text")
    text = "" if value is None else str(value).strip()
    if not text:
        raise Mistake(f"{where} has no {what}; fill it in or remove the row")
    return text


def files_of(rows: Sequence[Row], labels: list[int]) -> Files:
    stamps = []
    for row in rows:
        try:
            stamps.append(looked_up(row.path))
        except Mistake as mistake:
            raise Mistake(f"{row.where}: {mistake}") from None
    return Files.of([row.path for row in rows], labels, stamps)
