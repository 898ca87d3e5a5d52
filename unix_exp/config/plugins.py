"""Code of one's own: modules and files that register components from outside the package."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unix_exp.config.paths import at_home
from unix_exp.config.source import files_of
from unix_exp.registry import (
    REGISTRIES,
    Registry,
    augmentations,
    criteria,
    datasets,
    distillers,
    models,
    optimisers,
    samplers,
)
from unix_exp.types import Mistake

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

GROUP = "unix_exp.plugins"  # of entry points: an installed distribution's plug-ins are loaded by every command


class Plugin(NamedTuple):
    """A module from outside the package that has registered components."""

    name: str  # as Python imports it: "my_methods" for my_methods.py too
    path: Path  # its file; a package's __init__.py
    content: str  # hash of its files and of the modules beside it that it imports, as they were when it was loaded
    components: tuple[tuple[str, str], ...]  # ("sampler", "certain")

    @property
    def folder(self) -> Path:
        """Where its files lie: a package's own folder, or the one that holds the file."""
        return self.path.parent


class Found(NamedTuple):
    """A plug-in's module, not imported yet."""

    name: str
    path: Path
    root: Path  # the folder on sys.path that it is imported from


LOADED: dict[Path, Plugin] = {}


def load(named: str | Iterable[str] | None = ()) -> list[Plugin]:
    """Import the plug-ins of a configuration, and all that are installed, each once a process."""
    words = [named] if isinstance(named, str) else list(named or ())
    for word in words:
        if not isinstance(word, str) or not word.strip():
            raise Mistake(f"plugins has {word!r}; give a module's name or a file, such as plugins=my.py")
    return [load_one(find(word)) for word in dict.fromkeys([*installed(entry_points, tuple(sys.path)), *words])]


@cache
def installed(look: Callable[..., Iterable[EntryPoint]], places: tuple[str, ...]) -> tuple[str, ...]:
    """Plug-ins that packages announce; reading what all packages announce takes long, for each of thousands of runs."""
    return tuple(entry.module for entry in look(group=GROUP))


def load_one(found: Found) -> Plugin:
    if found.path in LOADED:
        return LOADED[found.path]
    sys.path[:0] = [str(found.root)] if str(found.root) not in sys.path else []
    before = {registry.kind: set(registry.constructors) for registry in REGISTRIES}
    modules = set(sys.modules)
    try:
        importlib.import_module(found.name)
        files = files_of(found.path, found.root)
        check_helpers(found, files)
        components = tuple(registered_by(found, before, {path for _, path in files}))
    except (Exception, SystemExit) as error:
        forget(found, before, modules)
        raise Mistake(failure(found, error)) from error
    if not components:
        raise Mistake(
            f"plug-in {found.path.name} registers nothing; put @samplers.register('NAME') before a class of yours "
            "(or criteria, distillers, models, datasets, augmentations, optimisers, probes, sinks: all from "
            "unix_exp.registry)"
        )
    LOADED[found.path] = plugin = Plugin(found.name, found.path, content_of(found, components), components)
    return plugin


def forget(found: Found, before: Mapping[str, set[str]], modules: set[str]) -> None:
    """Take back what a plug-in did before it failed, so that it can be loaded again once it is fixed."""
    for registry in REGISTRIES:
        for name in set(registry.constructors) - before[registry.kind]:
            if not registry.is_ours(registry.modules[name]):
                del registry.constructors[name], registry.modules[name]
    for name in set(sys.modules) - modules:
        file = file_of(name)
        if file is not None and file.is_relative_to(found.path.parent) and "site-packages" not in file.parts:
            del sys.modules[name]


def check_helpers(found: Found, files: Iterable[tuple[str, Path]]) -> None:
    """Two plug-ins may each have a helper.py, and Python would give both the one that was imported first."""
    for name, path in files:
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        loaded = file_of(module)
        if loaded is not None and loaded != path:
            raise Mistake(f"it imports {name}, but Python has another '{module}', {loaded}; rename one of them")


def file_of(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return Path(file).resolve() if file else None


def find(word: str) -> Found:
    """The module that a word names; a file inside a package is found as part of it."""
    here = Path.cwd()
    if word.endswith(".py") or "/" in word or "\\" in word:
        path = at_home(word).resolve()
        if path.is_dir():
            path = path / "__init__.py"
        if not path.is_file():
            raise Mistake(f"plug-in {word} does not exist in {here}; give a Python file, or the name of a module")
        return of_file(path, word)
    if str(here) not in sys.path:
        sys.path.insert(0, str(here))
    importlib.invalidate_caches()  # it may have been written since this process began
    try:
        spec = importlib.util.find_spec(word)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise Mistake(
            f"plug-in '{word}' is not found: there is no such module in {here} or among the installed packages; "
            "give a module's name, or a file such as my.py"
        )
    path = Path(spec.origin).resolve()
    depth = word.count(".") + (path.name == "__init__.py")
    return Found(word, path, path.parents[depth])


def of_file(path: Path, word: str) -> Found:
    parts = [] if path.name == "__init__.py" else [path.stem]
    root = path.parent
    while (root / "__init__.py").is_file():
        parts.insert(0, root.name)
        root = root.parent
    name = ".".join(parts)
    if not all(part.isidentifier() for part in parts):
        raise Mistake(f"plug-in {word} cannot be imported under the name '{name}'; use letters, digits and _ in it")
    importlib.invalidate_caches()
    taken = taken_by(parts[0])
    if taken is not None and Path(taken).resolve() != (path if len(parts) == 1 else root / parts[0] / "__init__.py"):
        raise Mistake(f"plug-in {word} has the name of another module, {taken}; rename it")
    return Found(name, path, root)


def taken_by(name: str) -> str | None:
    """What Python would import by a name now; None where that is nothing."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None) or f"Python's own {name}"
    spec = importlib.util.find_spec(name)
    return spec.origin if spec is not None else None


def registered_by(found: Found, before: Mapping[str, set[str]], files: set[Path]) -> Iterator[tuple[str, str]]:
    """What came with the import, and what an earlier import of the same files registered."""
    for registry in REGISTRIES:
        for name, module in sorted(registry.modules.items()):
            new = name not in before[registry.kind] or file_of(module) in files
            if new and not registry.is_ours(module):
                yield registry.kind, name


def content_of(found: Found, components: Iterable[tuple[str, str]]) -> str:
    """A hash of every file that a plug-in is made of; where the folder lies does not matter."""
    by_kind = {registry.kind: registry for registry in REGISTRIES}
    files = [file_of(by_kind[kind].modules[name]) for kind, name in components]
    digest = hashlib.sha256()
    for name, path in files_of(found.path, found.root, [file for file in files if file is not None]):
        text = path.read_bytes()
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()[:12]


def failure(found: Found, error: BaseException) -> str:
    """Why a plug-in could not be imported, with the line of its own that failed."""
    where = found.path.name
    lines = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(found.path.parent) and "site-packages" not in frame.filename
    ]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    if lines:
        where = f"{Path(lines[-1][0]).name}, line {lines[-1][1]}"
    what = " ".join(str(error).split())
    if isinstance(error, SystemExit):
        return f"plug-in {where} ended the program; put what it runs below: if __name__ == '__main__'"
    if isinstance(error, Mistake):
        return f"plug-in {where}: {what}"
    return f"plug-in {where}: {type(error).__name__}: {getattr(error, 'msg', None) or what}"


def of(registry: Registry, name: str) -> Plugin | None:
    """The plug-in that a component came with; None for the framework's own."""
    return next((plugin for plugin in LOADED.values() if (registry.kind, name) in plugin.components), None)


def used(settings: Mapping[str, Any]) -> dict[str, str]:
    """The plug-ins whose components a run is made of, and a hash of the code of each."""
    roles = [settings.get("student"), settings.get("teacher"), *(settings.get("networks") or {}).values()]
    chosen = [
        *((models, (role or {}).get("name")) for role in roles),
        *((registry, (settings.get(registry.kind) or {}).get("name")) for registry in (datasets, distillers, samplers)),
        *((criteria, name) for name in settings.get("criterion") or {}),
        (optimisers, (settings.get("recipe") or {}).get("optimiser")),
        (augmentations, augmentation_of(settings.get("dataset") or {})),
    ]
    found = (of(registry, name) for registry, name in chosen)
    return {plugin.name: plugin.content for plugin in found if plugin is not None}


def augmentation_of(dataset: Mapping[str, Any]) -> Any:
    """Its name, if it has one."""
    setting = dataset.get("augment")
    return setting.get("name") if isinstance(setting, Mapping) else setting


def named_in(words: Iterable[str]) -> list[str]:
    """The plug-ins of a command line, read before Hydra composes it: Hydra needs the names that they register."""
    return given(words, "plugins")


def given(words: Iterable[str], key: str) -> list[str]:
    """Every value that a command line gives a setting; the last word wins."""
    # Here, because the report reads settings too and has nothing to compose.
    from hydra.errors import HydraException

    from unix_exp.config.parsed import parsed_word

    values: list[str] = []
    for word in words:
        if word.lstrip("+").startswith(f"{key}="):
            with suppress(HydraException):  # Hydra reads the word next, and says what is wrong with it
                values = list(texts(parsed_word(word)))
    return values


def texts(override: Override) -> Iterator[str]:
    from hydra.core.override_parser.types import Sweep

    value = override.value()
    for one in override.sweep_iterator() if isinstance(value, Sweep) else [value]:
        for name in one if isinstance(one, list) else [] if one is None else [one]:
            yield str(getattr(name, "text", name))  # in a sweep a quoted text keeps its quotes
