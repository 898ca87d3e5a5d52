"""Weights & Biases: a mirror of the run's own records, whose failure never ends a run."""

from __future__ import annotations

import netrc
import os
from collections.abc import Callable
from io import BytesIO
from typing import Annotated, Any, ClassVar, Literal

from unix_exp import config
from unix_exp.ranges import Range
from unix_exp.registry import sinks
from unix_exp.sinks.mirror import Mirror
from unix_exp.sinks.sink import Left, RunInfo
from unix_exp.types import Record

PROJECT = "unix_exp"
COST_AXIS = "cost/total_gflops"


@sinks.register("wandb")
class Wandb(Mirror):
    """One W&B run, its curves drawn over the compute spent."""

    title: ClassVar[str] = "W&B"

    def __init__(
        self,
        run: RunInfo,
        project: Annotated[str, "the project on W&B"] = PROJECT,
        entity: Annotated[str | None, "the user or team that it belongs to; null: your default"] = None,
        mode: Annotated[Literal["auto", "online", "offline"], "auto: online where a key is found"] = "auto",
        tags: Annotated[list[str] | None, "further tags of the run"] = None,
        per_class: Annotated[bool, "add a table at the end: each class's accuracy, and how often it was drawn"] = False,
        artifact: Annotated[bool, "add the student's weights at the end, as an artifact"] = False,
        images: Annotated[int, Range(0, 64), "how many mixed images of the last batch to add at the end"] = 0,
    ) -> None:
        super().__init__(run)
        self.run: Any = None
        self.per_class, self.artifact, self.images = per_class, artifact, images
        if run.is_teacher and under_agent():
            return  # an agent has one run, and that is the student's
        chosen = chosen_mode(mode)
        if chosen == "offline":
            for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR"):  # or its own logs, and what it will upload, go home
                os.environ.setdefault(name, str(run.folder / "wandb"))
            if mode == "auto":
                say_once(run.say, "W&B: no key found, logging offline (wandb login, or logger=none)")
        self.guarded(self._start, run, project, entity, chosen, tags or [])

    def _start(self, run: RunInfo, project: str, entity: str | None, mode: Any, tags: list[str]) -> None:
        import wandb  # here, because it takes a second to import

        self.run = wandb.init(
            project=project,
            entity=entity,
            name=run.name,
            # A run that was interrupted continues in the same W&B run; an agent of a W&B sweep names its runs itself.
            id=None if under_agent() else run.identity,
            resume="allow" if mode == "online" else None,
            group=run.group,
            tags=[*run.tags, *tags],
            config=run.config,
            dir=run.folder,
            mode=mode,
            reinit="finish_previous",
            settings=wandb.Settings(silent=True, console="off", init_timeout=20),
        )
        self.run.define_metric("epoch")
        self.run.define_metric(COST_AXIS)
        for names in ("train/*", "test/*", "val/*"):
            self.run.define_metric(names, step_metric=COST_AXIS)
        for names in ("cost/*", "time/*", "analysis/*", "method/*"):
            self.run.define_metric(names, step_metric="epoch")

    @property
    def at_work(self) -> bool:
        return self.run is not None and not self.stopped

    def __call__(self, record: Record) -> None:
        if self.at_work:
            self.guarded(self.run.log, {"epoch": record.epoch, **record.values})

    def summarise(self, result: dict[str, Any]) -> None:
        if self.at_work:
            known = config.flat(
                {key: one for key, one in result.items() if key != "settings"}, between="/"
            )  # those are in the run's config
            if "val" in result:  # no epoch has seen the test images, and panels compare runs by their accuracy on these
                known |= {f"test/{top}": known[f"last/{top}"] for top in ("top1", "top5")}
            self.guarded(self.run.summary.update, known)

    def finished(self, left: Callable[[], Left]) -> None:
        if self.at_work and (self.per_class or self.artifact or self.images):
            self.guarded(self._add, left)

    def _add(self, make: Callable[[], Left]) -> None:
        import wandb
        from PIL import Image

        left = make()
        if self.per_class and left.classes:
            rows = [list(one) for one in left.classes]
            self.run.log({"per_class": wandb.Table(["class", "accuracy", "images drawn"], rows)})
        if self.images and left.mixed:
            opened = [(Image.open(BytesIO(one.content)), one.caption) for one in left.mixed[: self.images]]
            self.run.log({"mixed": [wandb.Image(image, caption=caption) for image, caption in opened]})
        if self.artifact:
            student = wandb.Artifact(f"student-{self.run.id}", type="model")
            student.add_file(str(left.weights), policy="immutable")  # or it is copied
            self.run.log_artifact(student)

    def close(self, failed: bool) -> None:
        if self.at_work:
            self.guarded(self.run.finish, int(failed))
            self.run = None


SAID: set[str] = set()


def say_once(say: Callable[[str], None], line: str) -> None:
    """Print a line once a process: the jobs of a sweep and their teachers share one."""
    if line not in SAID:
        SAID.add(line)
        say(line)


def chosen_mode(mode: str) -> str:
    """Online only with a key."""
    if mode != "auto":
        return mode
    return os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")


def under_agent() -> bool:
    """Whether an agent of a W&B sweep runs this process: it has named the one run, and wandb.init follows it."""
    return "WANDB_SWEEP_ID" in os.environ


def has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].split("/")[0]
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
