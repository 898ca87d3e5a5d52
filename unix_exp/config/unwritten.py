"""Choices that no file in conf/ describes: made from the constructors of components, or lying beside a plug-in."""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from unix_exp.config import plugins
from unix_exp.config.quick_yaml import quick_yaml
from unix_exp.config.source import registered_in
from unix_exp.registry import Registry, criteria, datasets, distillers, models, samplers, sinks
from unix_exp.types import Mistake
from unix_exp.words import first_line

# The groups of conf/ by what they choose; probes are chosen after a run.
GROUPS: dict[Registry, tuple[str, ...]] = {
    models: ("model", "student", "teacher", "assistant"), datasets: ("dataset",), samplers: ("sampler",),
    criteria: ("criterion",), distillers: ("distiller",), sinks: ("logger",),
}  # fmt: skip

PROVIDER = "unix_exp"


def offer(folders: Iterable[Path]) -> None:
    """Give Hydra a choice for every component that has no YAML in the folders where choices are found.

    A network's YAML in model/ is for every role, also in a checkout that could not make the links teacher and student.
    """
    forget()
    folders = list(folders)
    package = Path(__file__).parents[2]
    for registry, groups in GROUPS.items():
        of_plugins = [name for name, module in registry.modules.items() if not registry.is_ours(module)]
        ours = registered_in(package.joinpath(*registry.package.split(".")))
        for name, group in itertools.product(dict.fromkeys([*of_plugins, *ours]), groups):
            if has_file(folders, group, name):
                continue
            shared = next((one for one in folders if has_file([one], groups[0], name)), None)
            made = read(shared, f"{groups[0]}/{name}") if shared is not None else choice(registry, group, name)
            if made is not None:
                node, header = made
                ConfigStore.instance().store(name, node, group=group, package=header, provider=PROVIDER)


def forget() -> None:
    """Take back earlier offers: Hydra would merge one with a file of the same name that was written since."""
    for group, name in list(offered()):
        del ConfigStore.instance().repo[group][f"{name}.yaml"]


def offered() -> Iterator[tuple[str, str]]:
    """The choices that have no file: ("sampler", "certain")."""
    for group, choices in ConfigStore.instance().repo.items():
        for name, node in choices.items() if isinstance(choices, dict) else ():
            if getattr(node, "provider", None) == PROVIDER:
                yield group, name.removesuffix(".yaml")


def has_file(folders: Iterable[Path], group: str, name: str) -> bool:
    return any(os.path.isfile(f"{folder}/{group}/{name}.yaml") for folder in folders)  # asked hundreds of times


def choice(registry: Registry, group: str, name: str) -> tuple[Any, str | None] | None:
    """A component's settings, with the package that Hydra puts them in: a plug-in's own YAML, or its constructor's."""
    if (plugin := plugins.of(registry, name)) is not None:
        for folder, path in places(plugin.folder, registry, group, name):
            if (folder / f"{path}.yaml").is_file():
                return read(folder, path)
    if name not in registry.names():
        return None
    roles = getattr(registry[name], "networks", ()) if registry is distillers else ()
    settings = settings_of(registry[name], {*registry.supplied, *roles})
    if registry is criteria:
        return {name: {"weight": 1.0, **settings}}, None
    if registry is sinks:
        return {name: True, **settings}, None  # several may be chosen, and their settings lie side by side
    if registry is models:
        return {"name": name, "pace": "full", **settings}, None
    return {"name": name, **settings}, None


def places(beside: Path, registry: Registry, group: str, name: str) -> Iterator[tuple[Path, str]]:
    """Where a plug-in may keep a choice: conf/sampler/NAME.yaml, sampler/NAME.yaml or NAME.yaml beside its code."""
    for folder in (beside / "conf", beside):
        yield from ((folder, f"{one}/{name}") for one in dict.fromkeys((group, GROUPS[registry][0])))
    yield beside, name


def read(folder: Path, path: str) -> tuple[Any, str | None]:
    try:
        with quick_yaml():
            found = FileConfigSource(PROVIDER, f"file://{folder}").load_config(path)
    except (YAMLError, HydraException, OmegaConfBaseException, OSError, ValueError) as error:
        raise Mistake(f"{folder / path}.yaml cannot be read: {first_line(error)}") from error
    return found.config, found.header.get("package")


def settings_of(constructor: Any, supplied: Iterable[str]) -> dict[str, Any]:
    """What a config may set, with the constructor's own values; without one it has to be given."""
    found: dict[str, Any] = {}
    for name, parameter in inspect.signature(constructor).parameters.items():
        if name in supplied or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        value = "???" if parameter.default is parameter.empty else parameter.default
        value = list(value) if isinstance(value, tuple) else value
        try:
            DictConfig({name: value})
        except OmegaConfBaseException:
            continue  # a value that no YAML can hold stays the constructor's
        found[name] = value
    return found
