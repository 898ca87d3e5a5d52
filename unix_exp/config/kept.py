"""What Hydra composed, kept for later commands of this process that choose the same.

Composing takes a few tenths of a second, and taking a copy of it out of here two thousandths.
"""

from __future__ import annotations

import copy
import itertools
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig

from unix_exp.config.settings import choices_folder

MOST = 256  # configurations, of 20 KB each

Key = tuple[Any, ...]
KEPT: dict[Key, bytes] = {}
READ: dict[Key, bytes] = {}
STATES: dict[Key, int] = {}  # a number is hashed and compared faster than the two hundred files that it stands for
NUMBERS = itertools.count()  # none is given twice


class Kept:
    """Of one command: its own, and those of commands before it for which the same choices lay ready."""

    def __init__(self, searched: ConfigSearchPath) -> None:
        self.searched = tuple((one.provider, one.path) for one in searched.get_path())
        self.own: dict[Key, bytes] = {}
        self.read: dict[Key, bytes] = {}  # files, as Hydra reads them, and what it says of itself
        self.state: int | None = None

    def find(self, name: str | None, words: tuple[str, ...], mode: RunMode) -> DictConfig | None:
        """A copy; words that are valid in a run mean the same in a sweep."""
        for one in dict.fromkeys((mode, RunMode.RUN)):
            key = (name, words, one)
            found = self.own.get(key) or KEPT.get((self.choices(), *key))
            if found is not None:
                whole: DictConfig = pickle.loads(found)
                whole.hydra.runtime.cwd = os.getcwd()
                return whole
        return None

    def keep(self, name: str | None, words: tuple[str, ...], mode: RunMode, whole: DictConfig) -> None:
        try:
            content = pickle.dumps(whole, pickle.HIGHEST_PROTOCOL)
        except Exception:
            return  # a choice of somebody's own code holds what cannot be copied
        key = (name, words, mode)
        shared = only_ours(one.path for one in whole.hydra.runtime.config_sources if one.schema == "file")
        known = KEPT if shared else self.own
        if len(known) >= MOST:
            known.clear()
        known[(self.choices(), *key) if shared else key] = content

    def choices(self) -> int:
        """All that a choice may have been read from, as it is when this command first asks: a number for each such."""
        if self.state is None:
            offered = tuple(sorted(in_the_store(ConfigStore.instance().repo)))
            task = JobRuntime.instance().get("name")  # which is in what is composed
            state = (version.getbase(), task, self.searched, tuple(files(choices_folder())), offered)
            if len(STATES) >= MOST:
                STATES.clear()
            self.state = STATES.setdefault(state, next(NUMBERS))
        return self.state


class Reading(CachingConfigRepository):
    """The files and other choices that a command reads, and what is made of them, each of them once."""

    def __init__(self, delegate: IConfigRepository, kept: Kept) -> None:
        self.delegate = copy.copy(delegate)  # its sources are replaced, not changed; Hydra's deep copy takes long
        self.cache: dict[str, ConfigResult | None] = {}
        self.kept = kept

    def load_config(self, config_path: str) -> ConfigResult | None:
        if (known := f"config_path={config_path}") in self.cache:
            return self.cache[known]
        read = partial(super().load_config, config_path)
        found: ConfigResult | None = self.once((config_path,), read)
        self.cache[known] = found
        return found

    def once(self, what: Key, make: Callable[[], Any]) -> Any:
        """A copy of what was made of these choices before, which is changed by whoever composes with it."""
        sources = self.get_sources()
        ours = only_ours(one.path for one in sources if one.scheme() == "file")
        key = (self.kept.choices(), *((one.provider, one.path) for one in sources), *what)
        made = READ if ours else self.kept.read
        if len(made) >= 16 * MOST:
            made.clear()
        if key in made:
            return pickle.loads(made[key])
        found = make()
        with suppress(Exception):  # what cannot be copied
            made[key] = pickle.dumps(found, pickle.HIGHEST_PROTOCOL)
        return found


def only_ours(folders: Iterable[str]) -> bool:
    """Whether every choice came from conf/; what changes in other folders, which may be large, is not watched."""
    ours = choices_folder()
    return all(one == str(ours) or Path(one) == ours for one in folders)


def files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from files(Path(entry.path))
        elif entry.name.endswith(".yaml"):
            status = entry.stat()
            yield entry.path, status.st_mtime_ns, status.st_size


def in_the_store(nodes: dict[str, Any], group: str = "") -> Iterator[tuple[str, str]]:
    """Choices without a file, and what they hold."""
    for name, node in nodes.items():
        if isinstance(node, dict):
            yield from in_the_store(node, f"{group}/{name}")
        else:
            yield f"{group}/{name}", f"{node.provider} {node.package} {node.node}"
