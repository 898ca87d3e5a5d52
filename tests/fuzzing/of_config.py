"""Command lines and YAML files, read by the training command up to where it would make a folder."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from checked import is_right, said_of, wrong_with
from common import TINY
from hydra import compose
from omegaconf import OmegaConf

from unix_exp.cli.help import groups
from unix_exp.config.compose import hydra_ready

from .frame import FINE, REFUSED
from .mutations import changed, odd, spoiled

FLAGS = (
    "-m", "--multirun", "--run", "-r", "--resolve", "--cfg=job", "--cfg=all", "--cfg=hydra", "--package=recipe",
    "--info", "--info=all", "--hydra-help", "--experimental-rerun=x",
    "--config-name=x", "--config-path=x", "--config-dir=x",
    "-sc=x", "--help", "--version", "-x", "--nothing",
)  # fmt: skip


class Words:
    """Right words, and beside them some that are spoiled, odd or out of place."""

    name = "config"

    def make(self, draw: random.Random, folder: Path) -> None:
        words = list(TINY)
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            words.append(self.word(draw))
        if draw.random() < 0.2:
            at = draw.randrange(len(words))
            words[at] = (
                spoiled(draw, words[at].encode(errors="surrogatepass"))
                .decode(errors="surrogateescape")
                .replace("\0", "0")
            )
        if draw.random() < 0.3:
            own = folder / "mine" / "experiment" / "own.yaml"
            own.parent.mkdir(parents=True)
            own.write_bytes(self.yaml(draw))
            words += ["--config-dir=mine", "experiment=own"]
        (folder / "words.json").write_text(json.dumps(words))

    def word(self, draw: random.Random) -> str:
        kind = draw.random()
        if kind < 0.1:
            return draw.choice(FLAGS)
        if kind < 0.3:
            group, choices = draw.choice(
                sorted(one for one in groups().items() if one[0] != "sweep")
            )  # hundreds of jobs
            return f"{draw.choice(('', '', '', '+', '~'))}{group}={draw.choice([*choices, 'nothing'])}"
        key = draw.choice(keys())
        values = [written(odd(draw)) for _ in range(draw.choice((1, 1, 1, 1, 2)))]
        return f"{draw.choice(('', '', '', '', '+', '++', '~'))}{key}={','.join(values)}"

    def yaml(self, draw: random.Random) -> bytes:
        whole = settings()
        part = {key: whole[key] for key in draw.sample(sorted(whole), draw.choice((1, 1, 2)))}
        text = yaml.dump(changed(draw, part)).encode(errors="surrogatepass")
        head = draw.choice((b"# @package _global_\n", b"# @package _global_\n", b""))
        return head + (spoiled(draw, text) if draw.random() < 0.4 else text)

    def read(self, folder: Path) -> str:
        said = said_of(json.loads((folder / "words.json").read_text()), folder)
        wrong = wrong_with(said, folder)
        assert wrong is None, wrong
        return FINE if is_right(said) else REFUSED


@cache
def settings() -> dict[str, Any]:
    """All that a tiny command is composed of."""
    with hydra_ready():
        found: Any = OmegaConf.to_container(compose("config", overrides=list(TINY)), resolve=True)
    return dict(found)


@cache
def keys() -> list[str]:
    """Every setting and group by its dotted name."""

    def inside(value: Any, path: str) -> list[str]:
        parts = value.items() if isinstance(value, dict) else ()
        more = [one for key, part in parts for one in inside(part, f"{path}.{key}")]
        return [path, *more]

    return [one for key, value in settings().items() for one in inside(value, key)]


def written(value: Any) -> str:
    """A value as a word of a command line."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, list):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{written(one)}" for key, one in value.items()) + "}"
    return str(value).replace("\0", "0")


TARGET = Words()
