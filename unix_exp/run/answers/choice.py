"""The settings of the group `answers`, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from unix_exp.ranges import Count, Range, Seed, check_fields
from unix_exp.registry import check_settings
from unix_exp.types import Dataset, Mistake, View

BYTES = {"float16": 2, "float32": 4}


@dataclass(frozen=True)
class Choice:
    """Whether the teacher's answers are stored, and how each epoch shows the images."""

    stored: Annotated[bool, "the teacher is asked once about each view, and its answers are kept"] = False
    views: Annotated[
        Count | Literal["all"] | None,
        "how many fixed views of every image; all: every crop; null: new crops in every epoch",
    ] = None
    seed: Annotated[Seed, "of the views"] = 0
    jitter: Annotated[int, Range(0, 1024), "pixels by which the student's view is shifted anew, and flipped"] = 0
    precision: Annotated[Literal["float16", "float32"], "what answers are stored in"] = "float16"
    top: Annotated[Count | None, "how many logits of an answer are kept, and the rest as one number; null: all"] = None
    features: Annotated[bool, "feature maps may be stored, for a criterion that compares them; they are large"] = False
    folder: Annotated[str, "where they are stored"] = "answers"

    def __post_init__(self) -> None:
        check_fields(self, "answers.")
        if self.stored and self.views is None:
            raise Mistake("answers.views is null, but stored answers need a number of views; give answers.views=N")
        if self.jitter and self.views is None:
            raise Mistake("answers.jitter shifts fixed views; give answers.views=N, or leave it out")
        if not self.folder:
            raise Mistake("answers.folder is empty; give the path of a folder")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Choice:
        check_settings(cls, "answers", settings, role="answers")
        return cls(**settings)

    @property
    def root(self) -> Path:
        return Path(self.folder).expanduser()

    def count(self, data: Dataset) -> int:
        """How many views there are."""
        if isinstance(self.views, int):
            return self.views
        crops = getattr(data, "crops", None)
        if crops is None:
            raise Mistake("answers.views is all, but these images are cropped in too many ways; give answers.views=N")
        return int(crops)

    def used(self, data: Dataset, epochs: int) -> int:
        """How many of them a run shows: one an epoch, or any at any time."""
        return self.count(data) if self.views == "all" else min(self.count(data), epochs)

    def view(self, number: int, data: Dataset) -> View:
        """One of the views that answers belong to."""
        return View(crop=number) if self.views == "all" else View(seed=self.seed_of(number))

    def shown(self, epoch: int) -> View | None:
        """How an epoch, counted from 0, shows the images to the student; None where it crops them anew."""
        if self.views is None:
            return None
        return View(seed=None if self.views == "all" else self.seed_of(epoch % self.views), jitter=self.jitter)

    def seed_of(self, number: int) -> int:
        """A function of the view alone, so that more views keep the first ones; apart from the seeds of epochs."""
        digest = hashlib.sha256(f"view {self.seed} {number}".encode()).digest()
        return int.from_bytes(digest[:7], "little")
