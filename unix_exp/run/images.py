"""The images that a run is trained on: looked into before it has a folder, recorded, and compared whenever it goes on.

A data set of files has `examine`, `content_hash` and `changed_since` (data/of_files.py). The fingerprint in a run's
identity goes by names and sizes, which are known at once; what is in the files is recorded beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unix_exp.sinks.console import Console
from unix_exp.types import Dataset, Mistake
from unix_exp.words import listed

RECORDED = "images"  # the key of the hash in checkpoints, results and stores of what was made of images
SAID: set[str] = set()  # notes that this process has printed: a teacher and a sweep's other jobs have the same images


def examined(data: Dataset, console: Console) -> None:
    """Look into every image file; one that can't be used ends the command here, while there is nothing to clean up."""
    examine = getattr(data, "examine", None)
    for note in examine(console.watch) if examine is not None else ():
        if note not in SAID:
            SAID.add(note)
            console.say(f"note: {note}")


def recorded_of(data: Dataset) -> dict[str, str]:
    """What a record says of the images' contents; nothing where the fingerprint says all."""
    content_hash = getattr(data, "content_hash", None)
    return {} if content_hash is None else {RECORDED: content_hash()}


def check_same(record: Any, data: Dataset, made: Path) -> None:
    """Refuse what was made of other images under the same names; records of earlier versions do not say."""
    then = record.get(RECORDED) if isinstance(record, dict) else None
    now = recorded_of(data).get(RECORDED)
    if not isinstance(then, str) or now is None or then == now:
        return
    names = data.changed_since(then)  # type: ignore[attr-defined]
    which = f"{listed(names, 3)} {'is' if len(names) == 1 else 'are'} not what" if names else "some are not what"
    it = "it was" if len(names) == 1 else "they were"
    raise Mistake(
        f"{made} was made of other images of the same names and sizes: {which} {it}; put the former files back, or "
        f"move {made} away to begin again on the files as they are"
    )
