"""The sweep files: what each is about, and the jobs of its grid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from unix_exp.config import compose
from unix_exp.config.compose import expanded, parsed, typed
from unix_exp.run.foreign import text_of, yaml_of
from unix_exp.types import Mistake
from unix_exp.words import nearest

BASIC = "basic"  # Hydra's sweeper that runs every combination; others search, each job by what came of those before
SWEEPER = "hydra/sweeper"


class Sweep(NamedTuple):
    """A grid of runs, from its file."""

    name: str
    about: str  # its first comment
    parameters: dict[str, str]  # what varies: "seed": "0,1,2,3"
    sweeper: str = BASIC  # who makes jobs of it

    @property
    def words(self) -> list[str]:
        """Its grid as overrides of a command line."""
        return typed(self.parameters)


def files(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """The sweeps of conf/ and of folders that a command adds; conf/ comes first, as for Hydra."""
    found: dict[str, Path] = {}
    for folder in folders or compose.folders():
        for path in sorted((folder / "sweep").glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def names(folders: Sequence[Path] = ()) -> list[str]:
    return sorted(files(folders), key=by_kind)


def by_kind(name: str) -> tuple[bool, bool, str]:
    """Tables, then figures, then the rest."""
    return not name.startswith("table"), not name.startswith("figure"), name


def read(name: str, folders: Sequence[Path] = ()) -> Sweep:
    path = files(folders).get(name)
    if path is None:
        raise Mistake(f"sweep '{name}' does not exist; {nearest(name, names(folders))}")
    try:
        lines = text_of(path).splitlines()
        comments = [line.lstrip("# ") for line in lines if line.startswith("#") and "@package" not in line]
        content = yaml_of(path)
        parameters = content["hydra"]["sweeper"]["params"]
        chosen = [one.get(f"override /{SWEEPER}") for one in content.get("defaults", []) if isinstance(one, dict)]
        sweeper = next((str(one) for one in chosen if one), BASIC)
        return Sweep(name, " ".join(comments), {key: str(value) for key, value in parameters.items()}, sweeper)
    except OSError as error:
        raise Mistake(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Mistake(f"{path} varies nothing; list what it varies under hydra.sweeper.params") from None


def check_one_sweep(words: Iterable[str]) -> None:
    """Hydra would run the default once for each of several sweeps, or merge their grids into one."""
    chosen = [word.removeprefix("sweep=") for word in words if word.startswith("sweep=")]
    names = [name for one in chosen for name in re.findall(r"[\w*./-]+(?![\w*./-]|\()", one)]  # of choice(a,b) a and b
    if len(chosen) > 1 or names != chosen:
        one_by_one = ", then ".join(f"sweep={name}" for name in dict.fromkeys(names))
        raise Mistake(f"sweep takes one grid; run them one after another: {one_by_one}")


def jobs(sweep: Sweep, words: Iterable[str] = ()) -> list[tuple[str, ...]]:
    """The overrides of every job; `words` are those typed beside the sweep."""
    if not is_grid(words, sweep):
        raise Mistake(f"sweep '{sweep.name}' is a search: what its jobs are depends on what came of those before")
    return expanded([*sweep.words, f"sweep={sweep.name}", *words])


def is_grid(words: Iterable[str], sweep: Sweep | None = None) -> bool:
    """Whether all jobs of a command are known beforehand, by the sweeper that it or its sweep chooses."""
    typed = [word.partition("=")[2] for word in words if word.startswith(f"{SWEEPER}=")]
    return (typed[-1] if typed else sweep.sweeper if sweep is not None else BASIC) == BASIC


def values(words: list[str]) -> dict[str, list[Any]]:
    """Every setting's values in plain Python; a later word wins."""
    return {
        override.get_key_element(): (
            [yaml.safe_load(str(value)) for value in override.sweep_string_iterator()]
            if override.is_sweep_override()
            else [yaml.safe_load(str(override.get_value_string()))]
        )
        for override in parsed(words)
    }
