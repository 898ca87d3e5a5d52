"""Hydra composes a command to learn its mode, then again to do it, and every job of a sweep twice more: here once.

What --cfg shows is what the run would do, so its choices are checked here as a run's are.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from hydra._internal import hydra as of_hydra
from hydra.types import RunMode
from omegaconf import DictConfig

from unix_exp.config.choices import checked_job
from unix_exp.config.shared import Sharing


class Once(of_hydra.Hydra):
    def __init__(self, task_name: str, config_loader: Any) -> None:
        super().__init__(task_name, Sharing(config_loader))
        self.showing = False

    def get_mode(self, config_name: str | None, overrides: list[str]) -> Any:
        for mode in (RunMode.RUN, RunMode.MULTIRUN):  # a grid is no run's; what is composed for a run fits a sweep
            with suppress(Exception):  # what is wrong is said when Hydra composes to do it
                return self.compose_config(config_name, overrides, mode).hydra.mode
        return None

    def show_cfg(self, config_name: str | None, overrides: list[str], cfg_type: str, *how: Any, **more: Any) -> None:
        self.showing = cfg_type != "hydra"
        super().show_cfg(config_name, overrides, cfg_type, *how, **more)

    def compose_config(self, *what: Any, **how: Any) -> DictConfig:
        whole = super().compose_config(*what, **how)
        if self.showing:
            self.showing = False  # the check composes too
            if (note := checked_job(whole.hydra, whole)) is not None:
                print(note, file=sys.stderr)  # what is shown may be read by a program
        return whole


@contextmanager
def composed_once() -> Iterator[None]:
    """A command that Hydra runs in here is composed once."""
    plain = of_hydra.Hydra
    of_hydra.Hydra = Once  # type: ignore[misc]
    try:
        yield
    finally:
        of_hydra.Hydra = plain  # type: ignore[misc]
