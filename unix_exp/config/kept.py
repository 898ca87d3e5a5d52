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

from unix_exp.config.quick_yaml import quick_yaml
from unix_exp.config.settings import choices_folder

MOST = 256  # configurations, of 20 KB each

Key = tuple[Any, ...]
KEPT: dict[Key, bytes] = {}
FILES: dict[Key, ConfigResult | None] = {}
MADE: dict[Key, bytes] = {}
STATES: dict[Key, int] = {}  # a number is hashed and compared faster than the two hundred files that it stands for
NUMBERS = itertools.count()  # none is given twice


class Kept:
    """Of one command: its own, and those of commands before it for which the same choices lay ready."""

    def __init__(self, searched: ConfigSearchPath) -> None:
        self.searched = tuple((one.provider, one.path) for one in searched.get_path())
        self.own: dict[Key, bytes] = {}
        self.files: dict[Key, ConfigResult | None] = {}  # as Hydra reads them
        self.made: dict[Key, bytes] = {}  # of files: each put in its place, and what Hydra says of itself
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
        """To be read and not to be changed, as many times as Hydra asks."""
        if config_path not in self.cache:
            files, key = self.place(FILES, self.kept.files, config_path)
            if key not in files:
                with quick_yaml():
                    files[key] = self.delegate.load_config(config_path)
            self.cache[config_path] = files[key]
        return self.cache[config_path]

    def once(self, what: Key, make: Callable[[], Any]) -> Any:
        """A copy of what was made of these choices before, which is changed by whoever composes with it."""
        known, key = self.place(MADE, self.kept.made, *what)
        if key in known:
            return pickle.loads(known[key])
        made = make()
        with suppress(Exception):  # what cannot be copied
            known[key] = pickle.dumps(made, pickle.HIGHEST_PROTOCOL)
        return made

    def place(self, shared: dict[Key, Any], own: dict[Key, Any], *what: Any) -> tuple[dict[Key, Any], Key]:
        """Where something is kept that was found in these sources, and under which key."""
        sources = self.get_sources()
        known = shared if only_ours(one.path for one in sources if one.scheme() == "file") else own
        if len(known) >= 16 * MOST:
            known.clear()
        return known, (self.kept.choices(), *((one.provider, one.path) for one in sources), *what)


class Changeable(CachingConfigRepository):
    """The same files, for what changes them."""

    def __init__(self, reading: Reading) -> None:
        self.reading, self.delegate = reading, reading.delegate

    def load_config(self, config_path: str) -> ConfigResult | None:
        try:
            return copy.deepcopy(self.reading.load_config(config_path))
        except Exception:  # a choice of somebody's own code holds what cannot be copied
            found: ConfigResult | None = self.delegate.load_config(config_path)
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
