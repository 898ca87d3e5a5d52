"""Hydra composes a command to learn its mode, and then again to do it; here the first is kept for the second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from hydra._internal import hydra as of_hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from unix_exp.config.shared import Sharing


class Kept(NamedTuple):
    """What a command's words were composed to, or why they cannot be."""

    name: str | None
    words: list[str]
    mode: RunMode  # in which they were; a run's words that are valid mean the same in a sweep
    whole: DictConfig | Exception

    def fits(self, name: str | None, words: list[str], mode: RunMode) -> bool:
        """Whether these words are the same, maybe with the mode that Hydra adds to them."""
        added = words[len(self.words) :]
        same = name == self.name and words[: len(self.words)] == self.words
        valid = self.mode is mode or (self.mode is RunMode.RUN and isinstance(self.whole, DictConfig))
        return same and valid and added in ([], [f"hydra.mode={mode.name}"])

    def with_mode(self, words: list[str]) -> DictConfig:
        if isinstance(self.whole, Exception):
            raise self.whole
        if added := words[len(self.words) :]:
            ConfigLoaderImpl._apply_overrides_to_config(OverridesParser.create().parse_overrides(added), self.whole)
            self.whole.hydra.overrides.hydra.extend(added)
        return self.whole


class Given:
    """Hydra's loader, which has composed already."""

    def __init__(self, loader: Any, whole: DictConfig) -> None:
        self.loader, self.whole = loader, whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def load_configuration(self, **asked: Any) -> DictConfig:
        return self.whole


class Once(of_hydra.Hydra):
    kept: Kept | None = None

    def __init__(self, task_name: str, config_loader: Any) -> None:
        super().__init__(task_name, Sharing(config_loader))

    def get_mode(self, config_name: str | None, overrides: list[str]) -> Any:
        for mode in (RunMode.RUN, RunMode.MULTIRUN):  # a grid is no run's
            self.keep(config_name, overrides, mode)
            if self.kept is not None and isinstance(self.kept.whole, DictConfig):
                return self.kept.whole.hydra.mode
        return None  # what is wrong is said when Hydra asks for it again

    def keep(self, name: str | None, words: list[str], mode: RunMode) -> None:
        try:
            whole = self.config_loader.load_configuration(name, list(words), mode)
        except Exception as error:
            if self.kept is None:
                self.kept = Kept(name, list(words), mode, error)
        else:
            self.kept = Kept(name, list(words), mode, whole)

    def compose_config(
        self, config_name: str | None, overrides: list[str], run_mode: RunMode, *more: Any, **named: Any
    ) -> DictConfig:
        kept, self.kept = self.kept, None
        if kept is None or not kept.fits(config_name, overrides, run_mode):
            return super().compose_config(config_name, overrides, run_mode, *more, **named)
        loader = self.config_loader
        self.config_loader = Given(loader, kept.with_mode(overrides))  # type: ignore[assignment]
        try:
            return super().compose_config(config_name, overrides, run_mode, *more, **named)
        finally:
            self.config_loader = loader


@contextmanager
def composed_once() -> Iterator[None]:
    """A command that Hydra runs in here is composed once."""
    plain = of_hydra.Hydra
    of_hydra.Hydra = Once  # type: ignore[misc]
    try:
        yield
    finally:
        of_hydra.Hydra = plain  # type: ignore[misc]
