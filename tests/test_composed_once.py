"""Hydra composes a command once, and what jobs share once, to the same as when it does so each time."""

from __future__ import annotations

import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from unix_exp import config
from unix_exp.config import choices_folder
from unix_exp.config.once import composed_once

SEEN: list[str] = []
COMMANDS = {  # and how often each is composed; by itself Hydra does so twice, and once more twice for each job
    "seed=3 experiment=kd hydra.verbose=false": 1,
    "hydra.mode=RUN sampler.k=3": 1,
    "sampler.nonesuch=3": 2,
    "sampler=unix,random seed=1,2 recipe.lr=0.1 hydra.verbose=false -m": 4,
    "+student.seed=3 seed=1,2 -m": 3,
    "recipe.lr=0.1,0.2 sampler.nonesuch=3 experiment=kd -m": 3,
    "seed=1,2": 3,
}


@hydra.main(version_base="1.3", config_path=str(choices_folder()), config_name="config")
def job(whole: DictConfig) -> None:
    SEEN.extend([OmegaConf.to_yaml(HydraConfig.instance().cfg), OmegaConf.to_yaml(whole)])


def done(words: list[str], where: AbstractContextManager[None], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """What the jobs were given, or the error."""
    monkeypatch.setattr(sys, "argv", ["unix-exp", *words])
    SEEN.clear()
    with where, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            job()
        except Exception as error:
            return type(error), str(error)
    return tuple(SEEN)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_composed_once_to_the_same(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    config.register_resolvers()
    composed: list[Any] = []
    real = ConfigLoaderImpl._load_configuration_impl
    monkeypatch.setattr(
        ConfigLoaderImpl,
        "_load_configuration_impl",
        lambda *given, **named: composed.append(1) or real(*given, **named),
    )
    plain = done(command.split(), nullcontext(), monkeypatch)
    composed.clear()
    assert done(command.split(), composed_once(), monkeypatch) == plain
    assert plain and len(composed) == COMMANDS[command]
