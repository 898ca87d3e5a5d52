"""What chooses the same of each group shares what Hydra makes of these choices, which takes long."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from hydra import version
from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.config_repository import CachingConfigRepository, IConfigRepository
from hydra.core import default_element
from hydra.core.default_element import InputDefault, ResultDefault
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, flag_override
from omegaconf.errors import OmegaConfBaseException

from unix_exp.config.kept import Changeable, Kept, Reading
from unix_exp.config.parsed import parsed_words
from unix_exp.types import Mistake

NO_CHOICE = "a group takes a choice by name"
NOTHING = DictConfig({})  # to be read
MARK = "HYDRA_REMOVE_TOP_LEVEL_DEFAULTS"
PLAIN = ("seed", "method", "runs", "teachers", "hydra.mode")  # no group's, and many commands differ in them

# Hydra compares versions three hundred times in a composition, and reads their text each time. For each of a hundred
# names it makes a node, only to ask this whether the name refers to another choice.
version._get_version = lru_cache(version._get_version)
default_element.AnyNode = lru_cache(4096)(default_element.AnyNode)  # type: ignore[misc, assignment]


class Sharing(ConfigLoaderImpl):
    """Composes as Hydra does; the values that a command or job sets, such as its seed, in a copy of what is chosen."""

    def __init__(self, plain: ConfigLoaderImpl) -> None:
        super().__init__(plain.config_search_path)
        self.kept = Kept(plain.config_search_path)

    def load_configuration(
        self,
        config_name: str | None,
        overrides: list[str],
        run_mode: RunMode,
        from_shell: bool = True,
        validate_sweep_overrides: bool = True,
    ) -> DictConfig:
        try:
            parsed = parsed_words(overrides)
            if validate_sweep_overrides:
                self.validate_sweep_overrides_legal(parsed, run_mode, from_shell)
            choices, values = choices_and_values(tuple(overrides))
            whole = self.kept.find(config_name, choices, run_mode)
            if whole is None:
                with collecting_what_is_read():
                    whole = super().load_configuration(config_name, list(choices), run_mode, from_shell, False)
                self.kept.keep(config_name, choices, run_mode, whole)
            return self.with_values(whole, parsed, values)
        except OmegaConfBaseException as error:
            raise ConfigCompositionException().with_traceback(sys.exc_info()[2]) from error

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        parsed = parsed_words(overrides)
        reading = Reading(self.repository, self.kept)
        self._process_config_searchpath(config_name, parsed, reading)
        check_choices(parsed, reading)  # now that the folders of the command's own search path are known
        return parsed, reading

    def _compose_config_from_defaults_list(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        """What Hydra says of itself comes first, takes as long as the rest, and is the same in most compositions."""
        paths = [str(one.config_path) for one in defaults]
        count = next((number for number, path in enumerate(paths) if not path.startswith("hydra/")), len(paths))
        if count == 0 or not isinstance(repo, Reading):
            return self.merged(defaults, repo)
        own = [(one.config_path, one.package) for one in defaults[:count]]
        merged = repo.once(("merged", *own), lambda: self.merged(defaults[:count], repo))
        return self.merged([Merged(config_path=paths[0], config=merged), *defaults[count:]], repo)

    def merged(self, defaults: list[ResultDefault], repo: IConfigRepository) -> DictConfig:
        """All at once: after each merge OmegaConf goes through everything that was merged so far."""
        whole = DictConfig({})
        try:
            with flag_override(whole, "no_deepcopy_set_nodes", True):
                whole.merge_with(*(self._load_single_config(one, repo).config for one in defaults))
        except OmegaConfBaseException:
            return super()._compose_config_from_defaults_list(defaults, repo)  # which says in what file it is
        without_defaults(whole)
        return whole

    def _load_single_config(self, default: ResultDefault, repo: IConfigRepository) -> ConfigResult:
        if isinstance(default, Merged):
            return ConfigResult("merged", str(default.config_path), default.config, {"package": None})
        if not isinstance(repo, Reading):
            return super()._load_single_config(default, repo)
        load = partial(super()._load_single_config, default, Changeable(repo))
        placed: ConfigResult = repo.once(("placed", default.config_path, default.package, default.primary), load)
        return placed

    def with_values(self, whole: DictConfig, parsed: list[Override], values: list[str]) -> DictConfig:
        given = [one for one in parsed if one.input_line in values and not one.is_sweep_override()]
        try:
            self._apply_overrides_to_config(given, whole)  # as Hydra does it, after all groups
        except ValueError as error:
            raise into_a_list(given, whole) or error from None
        tasks = [one for one in parsed if not one.is_hydra_override()]
        whole.hydra.overrides.task = [one.input_line for one in tasks]
        whole.hydra.overrides.hydra = [one.input_line for one in parsed if one.is_hydra_override()]
        named = whole.hydra.job.config.override_dirname
        whole.hydra.job.override_dirname = get_overrides_dirname(
            tasks, list(named.exclude_keys), named.item_sep, named.kv_sep
        )
        return whole


@dataclass
class Merged(ResultDefault):
    """Several choices, merged already."""

    config: DictConfig = field(default_factory=lambda: DictConfig({}))


def without_defaults(whole: DictConfig) -> None:
    """Take the lists of defaults out that Hydra has marked, as it does after each composition; it marks few of them."""
    if whole._is_missing() or whole._is_none():
        return
    if whole._get_flag(MARK):
        with flag_override(whole, ["readonly", "struct"], False):
            whole._set_flag(MARK, None)
            whole.pop("defaults", None)
    for _, value in whole.items_ex(resolve=False):
        if isinstance(value, DictConfig):
            without_defaults(value)


def into_a_list(given: list[Override], whole: DictConfig) -> Mistake | None:
    """Of a word such as plugins.a=1, where OmegaConf wants a number for `a` and says no more than that."""
    for one in given:
        node: Any = whole
        *parts, _ = str(one.key_or_group).split(".")
        for at, part in enumerate(parts):
            node = node.get(part) if isinstance(node, DictConfig) else None
            if isinstance(node, ListConfig):
                path = ".".join(parts[: at + 1])
                return Mistake(f"{path} is a list, and {one.input_line} names nothing in it; write '{path}=[...]'")
    return None


def check_choices(parsed: list[Override], known: IConfigRepository) -> None:
    """Hydra fails on a list of numbers in many ways, and on a single number with a plain ValueError."""
    for one in parsed:
        value = one.value()
        if one.is_sweep_override() or isinstance(value, str | dict) or (value is None and one.is_delete()):
            continue
        if isinstance(value, list) and all(isinstance(name, str) for name in value) and not one.is_delete():
            continue
        if known.group_exists(one.key_or_group):
            raise ConfigCompositionException(f"{NO_CHOICE}, and '{one.input_line}' gives none")


@contextmanager
def collecting_what_is_read() -> Iterator[None]:
    """Hydra collects all choices after each file, for defaults that refer to one: here only after files with such.

    That was a quarter of the time that composing takes.
    """
    plain = defaults_list._create_interpolation_map

    def collected(overrides: Any, defaults: list[InputDefault], self_added: bool) -> DictConfig:
        referring = [one.get_config_path() for one in defaults if one.is_interpolation()]
        if any("defaults" in path for path in referring):
            return plain(overrides, defaults, self_added)  # Hydra's old way: by a choice's place in the list
        return DictConfig(overrides.known_choices) if referring else NOTHING

    defaults_list._create_interpolation_map = collected  # type: ignore[assignment]
    try:
        yield
    finally:
        defaults_list._create_interpolation_map = plain


def choices_and_values(words: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """The words that choose, and those that only set values in what is chosen."""
    values = [word for word in words if is_value(word)]
    if any(word.startswith(("+", "~")) for word in words):
        values = [word for word in values if word.partition("=")[0] in PLAIN]  # what is added may be among the others
    return tuple(word for word in words if word not in values), values


def is_value(word: str) -> bool:
    """Whether a word sets a value in what groups have chosen, and is no choice of a group itself."""
    key = word.partition("=")[0]
    return key in PLAIN or ("." in key and "@" not in key and not key.startswith(("hydra.", "+", "~")))
