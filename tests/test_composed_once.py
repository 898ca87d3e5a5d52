"""Hydra composes a command once, and what jobs share once, to the same as when it does so each time."""

from __future__ import annotations

import shutil
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from unix_exp import config
from unix_exp.config import choices_folder, compose, kept
from unix_exp.config.kept import FILES, KEPT, MADE
from unix_exp.config.once import composed_once
from unix_exp.config.unwritten import PROVIDER, forget

SEEN: list[str] = []
COMMANDS = {  # and how often each is composed; by itself Hydra does so twice, and once more twice for each job
    "seed=3 experiment=kd hydra.verbose=false": 1,
    "hydra.mode=RUN sampler.k=3": 1,
    "experiment=ema student=resnet20 scale=smoke": 1,  # where choices refer to others
    "sampler.nonesuch=3": 1,
    "sampler=unix,random seed=1,2 recipe.lr=0.1 hydra.verbose=false -m": 3,
    "+student.seed=3 seed=1,2 -m": 2,
    "hydra/job_logging=stdout hydra/hydra_logging=default experiment=kd": 1,
    "recipe.lr=0.1,0.2 sampler.nonesuch=3 experiment=kd -m": 1,
    "seed=1,2": 1,
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
    KEPT.clear()
    composed.clear()
    assert done(command.split(), composed_once(), monkeypatch) == plain
    assert plain and len(composed) == COMMANDS[command]
    assert done(command.split(), composed_once(), monkeypatch) == plain, "and once for all commands like it"
    assert len(composed) == COMMANDS[command]


def test_what_was_composed_is_not_taken_where_choices_have_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file of conf/, a choice of a plug-in, or a file in a folder of one's own."""
    choices = Path(shutil.copytree(choices_folder(), tmp_path / "conf"))
    for module in (compose, kept):
        monkeypatch.setattr(module, "choices_folder", lambda: choices)

    def setting(word: str, config_dir: Path | None = None) -> Any:
        with compose.hydra_ready(config_dir):
            return compose.composed((word, "seed=1")).sampler.k

    (choices / "sampler/own.yaml").write_text("name: own\nk: 4\n")
    assert [setting("sampler=own"), setting("sampler=own")] == [4, 4]
    (choices / "sampler/own.yaml").write_text("name: own\nk: 31\n")
    assert setting("sampler=own") == 31
    for k in (5, 6):
        ConfigStore.instance().store("offered", {"name": "offered", "k": k}, group="sampler", provider=PROVIDER)
        assert setting("sampler=offered") == k
    forget()
    for k in (7, 8):
        (tmp_path / "mine/sampler").mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine/sampler/mine.yaml").write_text(f"name: mine\nk: {k}\n")
        assert setting("sampler=mine", tmp_path / "mine") == k


def test_what_hydra_says_of_itself_is_merged_once_for_all_choices_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    real = ConfigLoaderImpl._load_single_config
    monkeypatch.setattr(
        ConfigLoaderImpl,
        "_load_single_config",
        lambda loader, default, repo: loaded.append(default.config_path) or real(loader, default, repo),
    )

    def of_hydra(*words: str) -> int:
        loaded.clear()
        compose.composed(words)
        return sum(path.startswith("hydra/") for path in loaded)

    with compose.hydra_ready():
        KEPT.clear()
        FILES.clear()
        MADE.clear()
        assert of_hydra("sampler=random") > 5
        assert "sampler/random" in loaded
        assert of_hydra("sampler=random", "seed=2", "experiment=kd", "sampler=random") == 0
        assert of_hydra("sampler=random", "hydra/job_logging=stdout") == 1, "another choice of Hydra's own"
        assert of_hydra("sampler=random", "criterion=ce", "hydra/job_logging=stdout") == 0


def test_one_command_s_values_reach_no_other(tmp_path: Path) -> None:
    with compose.hydra_ready():
        first = compose.composed(("sampler=unix", "sampler.k=3"))
        first.recipe.lr = 7
        assert compose.composed(("sampler=unix", "recipe.lr=0.5")).sampler.k != 3
        assert compose.composed(("sampler=unix", "sampler.k=4")).recipe.lr != 7


def test_what_was_read_is_not_changed_by_composing() -> None:
    """It is shared by all commands: what changes it, does so to a copy."""
    with compose.hydra_ready():
        for known in (KEPT, FILES, MADE):
            known.clear()
        for experiment in ("unix", "pad"):
            compose.composed((f"experiment={experiment}", "sampler.k=3" if experiment == "unix" else "seed=1"))
        plain = GlobalHydra.instance().config_loader().repository
        read = {key[-1]: found for key, found in FILES.items() if found is not None}
        assert len(read) > 20, len(read)
        for path, found in read.items():
            again = plain.load_config(path)
            assert (found.header, found.defaults_list, found.config) == (
                again.header,
                again.defaults_list,
                again.config,
            )
            assert OmegaConf.to_yaml(found.config) == OmegaConf.to_yaml(again.config)
