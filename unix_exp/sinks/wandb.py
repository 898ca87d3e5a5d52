"""Weights & Biases: a mirror of the run's own records, whose failure never ends a run."""

from __future__ import annotations

import netrc
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from unix_exp.types import Record

COST_AXIS = "cost/total_gflops"


@dataclass(frozen=True)
class WandbSettings:
    """What of the logger group the run's entry may choose."""

    project: str = "unix_exp"
    entity: str | None = None
    mode: Literal["auto", "online", "offline"] = "auto"
    tags: list[str] = field(default_factory=list)


class Wandb:
    """One W&B run, its curves drawn over the compute spent; use it as a context manager."""

    def __init__(
        self,
        settings: WandbSettings,
        folder: Path,
        identity: str,
        group: str,
        tags: list[str],
        config: dict[str, Any],
        say: Callable[[str], None],
    ) -> None:
        self.run: Any = None
        self.say = say
        mode = chosen_mode(settings.mode)
        if mode == "offline":
            os.environ.setdefault("WANDB_CACHE_DIR", str(folder / "wandb"))  # its own logs would go to the home folder
            if settings.mode == "auto":
                say_once(say, "W&B: no key found, logging offline (wandb login, or logger=none)")
        self._guard(self._start, settings, mode, folder, identity, group, tags, config)

    def _start(
        self, settings: WandbSettings, mode: Any, folder: Path, identity: str, group: str, tags: list[str], config: Any
    ) -> None:
        import wandb  # a second of imports that logger=none saves

        self.run = wandb.init(
            project=settings.project,
            entity=settings.entity,
            name=folder.name,
            # The same run again, after an interruption too; an agent of a W&B sweep names its runs itself.
            id=None if os.environ.get("WANDB_SWEEP_ID") else identity,
            resume="allow" if mode == "online" else None,
            group=group,
            tags=[*tags, *settings.tags],
            config=config,
            dir=folder,
            mode=mode,
            reinit="finish_previous",
            settings=wandb.Settings(silent=True, console="off", init_timeout=20),
        )
        self.run.define_metric("epoch")
        self.run.define_metric(COST_AXIS)
        for names in ("train/*", "test/*"):
            self.run.define_metric(names, step_metric=COST_AXIS)
        for names in ("cost/*", "time/*", "analysis/*"):
            self.run.define_metric(names, step_metric="epoch")

    def __call__(self, record: Record) -> None:
        if self.run is not None:
            self._guard(self.run.log, {"epoch": record.epoch, **record.values})

    def summarise(self, values: dict[str, Any]) -> None:
        if self.run is not None:
            self._guard(self.run.summary.update, values)

    def close(self, failed: bool = False) -> None:
        if self.run is not None:
            self._guard(self.run.finish, int(failed))
            self.run = None

    def __enter__(self) -> Wandb:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.close(failed=error is not None)

    def _guard(self, act: Callable[..., Any], *arguments: Any) -> None:
        try:
            act(*arguments)
        except Exception as error:
            self.run = None
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            self.say(f"W&B stopped ({reason}); the run goes on without it, its records are in its folder")


SAID: set[str] = set()


def say_once(say: Callable[[str], None], line: str) -> None:
    """A sweep's jobs and their teachers share a process, and so a notice."""
    if line not in SAID:
        SAID.add(line)
        say(line)


def chosen_mode(mode: str) -> str:
    """Online only where it can work."""
    if mode != "auto":
        return mode
    return os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")


def under_agent() -> bool:
    """An agent of a W&B sweep has named this process's one run, and wandb.init follows it whatever id it is given."""
    return "WANDB_SWEEP_ID" in os.environ


def has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].split("/")[0]
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
