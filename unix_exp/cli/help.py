"""What can be chosen and set, looked up in conf/ itself."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from unix_exp import config

HEAD = """Train a small network from a big one, and count what it costs.

  python -m unix_exp.train teacher=resnet32x4 student=shufflev2 sampler.k=48
  python -m unix_exp.train pair=vgg13_vgg8 experiment=kd seed=1
  python -m unix_exp.train pair=vgg13_vgg8 sampler.k=36,48 seed=0,1 -m
  python -m unix_exp.train sweep=demo"""

FOOT = """--cfg job shows the whole configuration of a command without running it, -m runs every combination of
values given with commas, --config-dir adds a folder of your own choices. The same command again continues
where it stopped."""


def help_text() -> str:
    width = max(map(len, groups()))
    choices = (
        textwrap.fill(
            f"  {group:{width}}  " + " ".join(names), 100, subsequent_indent=" " * (width + 4), break_on_hyphens=False
        )
        for group, names in groups().items()
    )
    settings = textwrap.indent(OmegaConf.to_yaml(composed(sys.argv[1:])), "  ")
    return "\n".join(
        [HEAD, "\nGroups, chosen with group=name:", *choices, "\nSettings, changed with key=value:", settings, FOOT]
    )


def groups() -> dict[str, list[str]]:
    folders = sorted(path for path in config.folder().iterdir() if path.is_dir() and path.name != "model")
    return {path.name: sorted(choice.stem for choice in path.glob("*.yaml")) for path in folders}


def composed(words: Iterable[str]) -> DictConfig:
    """The configuration with a command's choices of groups and none of its settings."""
    known = {*groups(), "hydra.searchpath"}
    chosen = [word for word in words if word.partition("=")[0] in known and "," not in word]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config.folder()), version_base="1.3"):
        try:
            return compose("config", overrides=chosen)
        except HydraException:
            return compose("config")
