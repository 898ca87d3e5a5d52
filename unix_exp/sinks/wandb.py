"""Weights & Biases: a mirror of the run's own records, whose failure never ends a run."""

from __future__ import annotations

import netrc
import os
from collections.abc import Callable
from typing import Annotated, Any, Literal

from unix_exp.registry import sinks
from unix_exp.sinks.sink import RunInfo
from unix_exp.types import Record

PROJECT = "unix_exp"
COST_AXIS = "cost/total_gflops"


@sinks.register("wandb")
class Wandb:
    """One W&B run, its curves drawn over the compute spent."""

    def __init__(
        self,
        run: RunInfo,
        project: Annotated[str, "the project on W&B"] = PROJECT,
        entity: Annotated[str | None, "the user or team that it belongs to; null: your default"] = None,
        mode: Annotated[Literal["auto", "online", "offline"], "auto: online where a key is found"] = "auto",
        tags: Annotated[list[str] | None, "further tags of the run"] = None,
    ) -> None:
        self.run: Any = None
        self.say = run.say
        if run.is_teacher and under_agent():
            return  # an agent has one run, and that is the student's
        chosen = chosen_mode(mode)
        if chosen == "offline":
            os.environ.setdefault("WANDB_CACHE_DIR", str(run.folder / "wandb"))  # or its own logs go to the home folder
            if mode == "auto":
                say_once(run.say, "W&B: no key found, logging offline (wandb login, or logger=none)")
        self._guard(self._start, run, project, entity, chosen, tags or [])

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

    def __call__(self, record: Record) -> None:
        if self.run is not None:
            self._guard(self.run.log, {"epoch": record.epoch, **record.values})

    def summarise(self, result: dict[str, Any]) -> None:
        if self.run is not None:
            known = flat(
                {key: one for key, one in result.items() if key != "settings"}
            )  # those are in the run's config
            if "val" in result:  # no epoch has seen the test images, and panels compare runs by their accuracy on these
                known |= {f"test/{top}": known[f"last/{top}"] for top in ("top1", "top5")}
            self._guard(self.run.summary.update, known)

    def close(self, failed: bool) -> None:
        if self.run is not None:
            self._guard(self.run.finish, int(failed))
            self.run = None

    def _guard(self, act: Callable[..., Any], *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception as error:
            self.run = None
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.say(f"W&B stopped ({reason}); the run goes on without it, its records are in its folder")


def flat(result: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Nested results under joined names, as a W&B summary wants them."""
    values: dict[str, Any] = {}
    for key, value in result.items():
        values |= flat(value, f"{path}{key}/") if isinstance(value, dict) else {path + key: value}
    return values


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
