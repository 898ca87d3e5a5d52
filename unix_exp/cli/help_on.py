"""What is said to --help NAME: of a group its choices, of a choice its settings, of a setting its meaning."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unix_exp.cli import explained
from unix_exp.cli.about import body_of, comment_of, docstring_of, file_of
from unix_exp.cli.explained import REQUIRED, Setting, registry_of
from unix_exp.cli.help import composed, groups
from unix_exp.cli.hints import Typed, hint
from unix_exp.config import compose, typed
from unix_exp.registry import Registry, augmentations, criteria, optimisers, probes
from unix_exp.types import Mistake
from unix_exp.words import as_line, closest, nearest

WIDTH = 100
BESIDE: Mapping[
    Registry | None, tuple[str, str]
] = {  # components that have no group: how one is typed, and what comes before its settings
    augmentations: ("'dataset.augment={{name: {name}}}'", ""),
    optimisers: ("recipe.optimiser={name}", "recipe"),
    probes: ("python -m unix_exp.probes RUN {name}", ""),
}
OF_TEACHER = "teacher_"  # a group of this kind has the settings of the one without it


def help_on(words: Sequence[str], config_dir: Path | None = None) -> str | None:
    """The help that words ask for beside --help; None where they ask for none, so for the whole."""
    asked = Asked(words, config_dir)
    return "\n".join(line for word in words if not places(word) for line in of_word(word, asked)) or None


def places(word: str) -> bool:
    """Whether a word says where more choices are, and asks about none."""
    return word.partition("=")[0] in ("plugins", "hydra.searchpath")


class Asked:
    """What there is to choose, and the configuration that the words choose."""

    def __init__(self, words: Sequence[str], config_dir: Path | None) -> None:
        self.words, self.config_dir = words, config_dir
        self.folders = compose.folders(words, config_dir)
        own = {path for folder in self.folders for path in folder.glob("hydra/*/*.yaml")}  # launchers and sweepers
        inner = {
            f"hydra/{path.parent.name}": sorted(one.stem for one in own if one.parent == path.parent) for path in own
        }
        self.groups = groups(self.folders) | inner

    @cached_property
    def whole(self) -> DictConfig:
        return composed(self.words, self.config_dir)

    def of(self, group: str, name: str) -> Any:
        """A group with this choice; a component that another setting chooses has no group of its own."""
        if group not in self.groups:
            return OmegaConf.create({"name": name})
        if f"{group}={name}" in self.words:
            return self.whole.get(group)
        return composed([*filter(places, self.words), f"{group}={name}"], self.config_dir).get(group)


def of_word(word: str, asked: Asked) -> Iterator[str]:
    key, _, value = word.lstrip("+~").partition("=")
    group = key.partition("@")[0]
    registry = registry_of(group)
    if group not in asked.groups and registry is None:
        yield from of_setting(key, asked)
        return
    names = asked.groups[group] if registry is None or group in asked.groups else registry.names()
    if not value:
        yield from listing(group, names, asked.folders)
    for name in value.strip("[]").split(",") if value else ():
        if name not in names:
            raise Mistake(f"{group} '{name}' does not exist; {nearest(name, names)}")
        yield from of_choice(group, name, asked)


def listing(group: str, names: Sequence[str], folders: Sequence[Path]) -> Iterator[str]:
    """Every choice of a group with what its file says of it; asking the components would import PyTorch."""
    typed, _ = BESIDE.get(registry_of(group), (f"{group}={{name}}", ""))
    yield f"{typed.format(name='NAME')}; --help {group}=NAME explains one and its settings\n"
    width = max(map(len, names), default=0)
    for name in names:
        yield filled(brief(group, name, folders), f"  {name:{width}}  ", " " * (width + 4))


def brief(group: str, name: str, folders: Sequence[Path]) -> str:
    if (path := file_of(group, name, folders)) is not None and (said := comment_of(path)):
        return as_line(said)
    registry = registry_of(group)
    return next(iter(docstring_of(registry, name).splitlines()), "") if registry is not None else ""


def of_choice(group: str, name: str, asked: Asked) -> Iterator[str]:
    typed, prefix = BESIDE.get(registry_of(group), (f"{group}={name}", group))
    yield typed.format(name=name) + "\n"
    path = file_of(group, name, asked.folders)
    if path is not None and (said := comment_of(path)):
        yield filled(as_line(said), "  ") + "\n"
    node = asked.of(group, name)
    if isinstance(node, DictConfig) and (found := list(of_node(group, node, registry_of(group), prefix))):
        yield from found
    elif path is not None:
        yield "  It chooses and sets:\n"
        yield textwrap.indent(body_of(path), "    ") + "\n"


def of_node(group: str, node: DictConfig, registry: Registry | None, before: str) -> Iterator[str]:
    """Each component of a choice and its settings."""
    for prefix, name, values in components_in(before, group, node):
        if registry is not None:
            yield textwrap.indent(docstring_of(registry, name), "  ") + "\n"
        for one in explained.settings_of(group, name):
            yield from lines_of(f"{prefix}.{one.name}".lstrip("."), one, plain(values, one))


def components_in(key: str, group: str, node: DictConfig) -> Iterator[tuple[str, str, DictConfig]]:
    """Where each component's settings lie, its name, and they themselves; of some groups there may be several."""
    registry, names = registry_of(group), [str(name) for name in node]
    if registry is criteria:
        yield from ((f"{key}.{name}", name, node[name]) for name in names if isinstance(node[name], DictConfig))
    elif registry is None or node.get("name"):
        yield key, str(node.get("name") or ""), node
    else:  # settings that lie beside the names of those they are of
        yield from ((key, name, node) for name in names if node[name] is True and name in registry.names())


def of_setting(word: str, asked: Asked) -> Iterator[str]:
    """One setting, with what else is chosen beside it."""
    key = word.partition(".")[0]
    found = {path: (one, value) for path, one, value in settings_in(asked.whole, key)}
    if word not in found:
        near = closest(word, found, 0.75)
        said = None if near else hint(Typed(word, "..."), asked.whole, asked.folders)
        near_or_all = nearest(word, found) if near or key in asked.whole else nearest_of_all(word, asked.groups, found)
        raise Mistake(f"there is no group and no setting '{word}'; {said or near_or_all}")
    yield from lines_of(word, *found[word])


def nearest_of_all(word: str, groups: Iterable[str], settings: Iterable[str]) -> str:
    if (close := closest(word, [*groups, *settings])) is not None:
        return f"did you mean '{close}'?"
    return f"choose a group ({', '.join(groups)}) or a setting that is in none ({', '.join(settings)})"


def settings_in(whole: DictConfig, key: str) -> Iterator[tuple[str, Setting, Any]]:
    """The settings that a configuration has under a key, by their path; without such a key, those in no group."""
    if not isinstance(node := whole.get(key), DictConfig):
        yield from ((one.name, one, plain(whole, one)) for one in explained.settings_of(""))
        return
    group = key.removeprefix(OF_TEACHER)
    for prefix, name, values in components_in(key, group, node):
        for one in explained.settings_of(group, name):
            yield f"{prefix}.{one.name}", one, plain(values, one)


def plain(values: DictConfig, one: Setting) -> Any:
    """What a setting is where the choice is made and nothing else is typed; else its constructor's default."""
    if one.name not in values or OmegaConf.is_missing(values, one.name):
        return one.default
    value = values[one.name]
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def lines_of(path: str, one: Setting, value: Any) -> Iterator[str]:
    """A setting as it would be typed, then what it means, then what it may be."""
    yield f"  {path}={typed(value)}"
    if one.meaning:
        yield filled(one.meaning, "      ")
    yield filled(
        f"({one.type}{', ' * bool(one.range)}{one.range}{'; has to be given' * (value == REQUIRED)})", "      "
    )
    yield ""


def filled(text: str, first: str, rest: str | None = None) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=first if rest is None else rest, break_on_hyphens=False
    )
