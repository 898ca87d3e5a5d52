"""What a run shows of single classes and images when it is over, written for the pages of a report."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any, TypeVar

from PIL import Image
from torch import Tensor

from unix_exp.engine.analysis import Analysis
from unix_exp.engine.confused import most_confused
from unix_exp.engine.evaluate import Evaluation, evaluate
from unix_exp.engine.loop import Training, unwatched
from unix_exp.engine.mixed import Mixed, mixed_of
from unix_exp.run.checkpoint import write_whole
from unix_exp.run.folder import RunFolder
from unix_exp.run.looks import BYTES, LONGEST, NAME
from unix_exp.run.pictures import as_pixels, extremes, shown
from unix_exp.types import Dataset
from unix_exp.words import first_line

T = TypeVar("T")
CONFUSED, IMAGES = 20, 8  # pairs of classes; images of each kind
QUALITIES = (90, 75, 60, 45, 30, 15)  # of a JPEG, until the picture is small enough


class Looking:
    """Looks at a run whose last epoch is over: all its processes together, and the first of them writes."""

    def __init__(self, run: Training) -> None:
        self.run = run
        self.mixed = self.tried("mixed images", lambda: mixed_of(run, IMAGES)) if run.analysis is not None else None

    def write(self, folder: RunFolder, tested: Evaluation | None) -> None:
        """`tested` is the test of the weights that are kept, where that is not the last epoch's."""
        assert self.run.analysis is not None
        kept = self.tried("images that were kept", partial(kept_of, self.run, self.run.analysis))
        mixed = self.tried("mixed images", partial(entries_of, self.mixed, self.run.data))
        looks = {"confused": confused_of(self.run, tested), "kept": kept, "mixed": mixed}
        text = json.dumps({key: one for key, one in looks.items() if one is not None}) + "\n"
        write_whole(folder.looks, lambda part: part.write_text(text))

    def tried(self, what: str, make: Callable[[], T]) -> T | None:
        """A file of images that is gone by now, or a sampler of someone's own, must not cost a finished training."""
        try:
            return make()
        except Exception as error:
            self.run.say(f"{NAME} shows no {what}: {first_line(error)}")
            return None


def confused_of(run: Training, tested: Evaluation | None) -> list[dict[str, Any]]:
    evaluation = tested or run.evaluation
    if evaluation is None:  # continued after its last epoch, so another process made it
        evaluation = evaluate(run.method.student, run.data, run.stages[0].recipe.batch, run.runtime, unwatched)
    called = partial(name_of, run.data)
    return [
        {"true": called(one.true), "guessed": called(one.guessed), "count": one.images, "of": one.of}
        for one in most_confused(evaluation, len(run.data.classes), CONFUSED)
    ]


def kept_of(run: Training, analysis: Analysis) -> dict[str, Any] | None:
    """The images trained on most and least often; None where a method takes all, or not all epochs were counted."""
    times = analysis.trained_on.cpu()
    count = run.data.train_count
    every = sum(stage.recipe.epochs * (count // stage.recipe.batch * stage.recipe.batch) for stage in run.stages)
    takes_all = int(times.sum()) >= every and int(times.max()) <= run.epochs  # but for the incomplete last batch
    if takes_all or analysis.counted != run.epochs:
        return None
    ends = extremes(times.double(), IMAGES)
    if not ends:
        return None
    return {
        "epochs": run.epochs,
        "most": images_of(ends["highest"], times, run.data),
        "least": images_of(ends["lowest"], times, run.data),
    }


def images_of(index: Tensor, times: Tensor, data: Dataset) -> list[dict[str, Any]]:
    images, labels = shown(data, index)
    return [
        {"index": one, "name": name_of(data, label), "times": int(times[one]), "picture": picture}
        for one, label, picture in zip(index.tolist(), labels.tolist(), pictures(images, data), strict=True)
    ]


def entries_of(mixed: Mixed | None, data: Dataset) -> list[dict[str, Any]] | None:
    if mixed is None:
        return None
    rows = zip(mixed.classes.tolist(), mixed.shares.double().tolist(), pictures(mixed.images, data), strict=True)
    return [
        {
            "names": [name_of(data, one) for one in classes],
            "shares": [round(share, 4) for share in shares],
            "picture": picture,
        }
        for classes, shares, picture in rows
    ]


def name_of(data: Dataset, label: int) -> str:
    return str(data.classes[label])[:LONGEST] or str(label)


def pictures(images: Tensor, data: Dataset) -> list[str]:
    pixels = as_pixels(images.cpu(), getattr(data, "mean", None), getattr(data, "std", None))
    return [in_few_bytes(one.permute(1, 2, 0).contiguous()) for one in pixels]


def in_few_bytes(pixels: Tensor) -> str:
    """[H, W, 3] in base64, as it is where that is small enough."""
    image = Image.fromarray(pixels.numpy())
    ways: Sequence[dict[str, Any]] = [{"format": "PNG", "optimize": True}]
    ways = [*ways, *({"format": "JPEG", "quality": quality} for quality in QUALITIES)]
    for way in ways:
        content = BytesIO()
        image.save(content, **way)
        if content.tell() <= BYTES:
            break
    return base64.b64encode(content.getvalue()).decode()
