"""TensorBoard: a copy of the run's own records, whole also after a kill."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from typing import Annotated, Any, ClassVar

from unix_exp.ranges import Range
from unix_exp.registry import sinks
from unix_exp.sinks.jsonl import lines_before
from unix_exp.sinks.mirror import Mirror
from unix_exp.sinks.sink import Left, RunInfo
from unix_exp.types import Record


@sinks.register("tensorboard")
class Tensorboard(Mirror):
    """Event files in the run's folder, drawn over epochs by `tensorboard --logdir runs`."""

    title: ClassVar[str] = "TensorBoard"
    needs: ClassVar[tuple[str, str]] = ("tensorboard", "tensorboard")

    def __init__(
        self,
        run: RunInfo,
        images: Annotated[int, Range(0, 64), "how many mixed images of the last batch to add at the end"] = 0,
    ) -> None:
        super().__init__(run)
        self.images = images
        self.writer: Any = None
        self.guarded(self.begin, run)

    def begin(self, run: RunInfo) -> None:
        """Written from the beginning whenever a run is continued: what a killed process wrote may be ahead of it."""
        from torch.utils.tensorboard import SummaryWriter  # here, because it takes seconds to import

        folder = run.folder / "tensorboard"
        for old in folder.glob("events.out.tfevents.*"):
            if old.stat().st_size:
                os.truncate(old, 0)  # and not removed: a program that shows it would never come to the next one
            else:
                old.unlink()
        # It then drops what it knows from step 0 on, which is all.
        self.writer = SummaryWriter(str(folder), purge_step=0)
        for line in lines_before(run.folder):
            self.add(line)
        self.writer.flush()

    def __call__(self, record: Record) -> None:
        self.guarded(self.add, {"epoch": record.epoch, **record.values})
        self.guarded(self.flush)

    def add(self, line: dict[str, Any]) -> None:
        for name, value in line.items():
            if name != "epoch":
                self.writer.add_scalar(name, value, line["epoch"])

    def flush(self) -> None:
        self.writer.flush()

    def finished(self, left: Callable[[], Left]) -> None:
        if self.images:
            self.guarded(self.show, left)

    def show(self, left: Callable[[], Left]) -> None:
        import numpy as np
        from PIL import Image

        for number, one in enumerate(left().mixed[: self.images]):
            pixels = np.asarray(Image.open(BytesIO(one.content)).convert("RGB"))
            self.writer.add_image(f"mixed/{number + 1}: {one.caption}", pixels, dataformats="HWC")

    def close(self, failed: bool) -> None:
        if self.writer is not None:
            self.guarded(self.writer.close)
