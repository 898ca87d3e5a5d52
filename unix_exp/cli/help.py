"""The text of --help: every choice and setting, read from conf/."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from unix_exp.config import compose, unwritten

HEAD = """Train a small network from a big one, and count what it costs.

  python -m unix_exp.train teacher=resnet32x4 student=shufflev2 sampler.k=48
  python -m unix_exp.train pair=vgg13_vgg8 experiment=kd seed=1
  python -m unix_exp.train pair=vgg13_vgg8 sampler.k=36,48 seed=0,1 -m
  python -m unix_exp.train sweep=demo"""

CHOOSING = """Groups, chosen with group=name (--help sampler says more of one, --help sampler=unix and --help sampler.k
explain settings):"""

FOOT = """--cfg job shows the whole configuration of a command without running it, -m runs every combination of
values given with commas, --config-dir adds a folder of your own choices. The same command again continues
where it stopped. Code of your own: plugins=my.py (or a module's name) loads a file that registers samplers,
criteria, distillers, models or datasets; each is then a choice like those above, with its constructor's settings.
See also --help hydra/launcher (jobs of Slurm), --help hydra/sweeper (searches), python -m unix_exp.runs --help.

Exit codes: 0 done; 1 a bug, or a job of a sweep failed; 2 an error that one line explains; after saving, 75 for
SIGTERM, SIGUSR1 and SIGHUP and 130 for Ctrl-C: the same command continues. A second Ctrl-C ends at once."""


def help_text(words: Sequence[str] = (), config_dir: Path | None = None) -> str:
    known = groups(compose.folders(words, config_dir))
    width = max(map(len, known))
    choices = (
        textwrap.fill(
            f"  {group:{width}}  " + " ".join(names), 100, subsequent_indent=" " * (width + 4), break_on_hyphens=False
        )
        for group, names in known.items()
    )
    settings = textwrap.indent(OmegaConf.to_yaml(composed(words, config_dir)), "  ")
    return "\n".join([HEAD, f"\n{CHOOSING}", *choices, "\nSettings, changed with key=value:", settings, FOOT])


def groups(folders: Sequence[Path] = ()) -> dict[str, list[str]]:
    """All choices: of conf/, of folders that a command adds, and of components that have no file there."""
    files = {path for folder in folders or compose.folders() for path in folder.glob("*/*.yaml")}
    found: dict[str, set[str]] = {}
    for group, name in (*((path.parent.name, path.stem) for path in files), *unwritten.offered()):
        if group != "model":  # it is chosen as a teacher or a student
            found.setdefault(group, set()).add(name)
    return {group: sorted(found[group]) for group in sorted(found)}


def composed(words: Iterable[str], config_dir: Path | None = None) -> DictConfig:
    """The configuration with a command's choices of groups, without its settings."""
    known = {*groups(), "hydra.searchpath"}
    chosen = [
        word for word in words if word.partition("=")[0].partition("@")[0] in known and "=" in word and "," not in word
    ]
    with compose.hydra_ready(config_dir):
        try:
            return hydra.compose("config", overrides=chosen)
        except HydraException:
            return hydra.compose("config")
