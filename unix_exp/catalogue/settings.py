"""docs/settings.md: every choice of every group with its settings, read from constructors and from conf/."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from unix_exp import config
from unix_exp.cli.explained import REQUIRED, Setting, registry_of, settings_of
from unix_exp.cli.help import groups
from unix_exp.registry import Registry, augmentations, optimisers, probes
from unix_exp.run.foreign import yaml_of
from unix_exp.types import Mistake

TITLE = "Every setting"
LEAD = """Written by `make catalogue` from the code: what a constructor declares and what `conf/` chooses. Any setting
can be changed on the command line as `GROUP.SETTING=VALUE`, such as `sampler.k=48`. `python -m unix_exp.train --help
GROUP=NAME` shows the same in a terminal. A default is that of the choice; where it says *computed*, the choice's file
in `conf/` makes it of other settings. What each method does and costs is in [methods.md](methods.md), how groups work
together in [command.md](command.md)."""
COMPUTED = "${"  # how a file of choices begins a value that it makes of other settings
NETWORKS = ("teacher", "student", "assistant")  # chosen from the same folder
OF_ALL = "", "Of a run, in no group"
BESIDE = {  # components that no group of conf/ chooses: where their settings are typed
    augmentations: ("dataset.augment", "'dataset.augment={name: NAME, SETTING: VALUE}'"),
    optimisers: ("recipe.optimiser", "recipe.SETTING=VALUE"),
    probes: ("probes", "python -m unix_exp.probes RUN NAME SETTING=VALUE"),
}
HEAD = ("| setting | what it may be | default | meaning |", "| --- | --- | --- | --- |")


def write(target: Path) -> None:
    try:
        target.expanduser().write_text(page(), encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot write to {target}: {error.strerror}; choose another file with --settings") from None


def page() -> str:
    lines = [f"# {TITLE}", "", LEAD, "", f"## {OF_ALL[1]}", "", *table(settings_of(OF_ALL[0]), {})]
    known = {group: [one for one in names if file_of(group, one).is_file()] for group, names in groups().items()}
    for group in sorted(known, key=lambda one: (one in ("pair", "experiment", "sweep", "scale"), one)):
        if group not in NETWORKS[1:]:
            lines += section(group, known[group])
    for registry, (title, typed) in BESIDE.items():
        lines += ["", f"## {title}", "", f"Typed as `{typed}`.", *components(registry, registry.kind, ours(registry))]
    return "\n".join(lines) + "\n"


def section(group: str, choices: Sequence[str]) -> Iterator[str]:
    yield from ["", f"## {', '.join(NETWORKS) if group in NETWORKS else group}"]
    registry, declared = registry_of(group), settings_of(group) if registry_of(group) is None else []
    if registry is not None:
        yield from components(registry, group, [one for one in choices if one in ours(registry)])
        further = [one for one in choices if one not in ours(registry)]
    else:
        if declared:
            yield from ["", *table(declared, {})]
        further = list(choices)
    if further and not registry and not declared:
        yield from ["", "| choice | what it is |", "| --- | --- |"]
        yield from (f"| `{name}` | {inert(about(group, name))} |" for name in further)
    elif further:
        yield from ["", "| choice | what it is | sets |", "| --- | --- | --- |"]
        yield from (f"| `{name}` | {inert(about(group, name))} | {chosen(group, name)} |" for name in further)


def components(registry: Registry, group: str, names: Sequence[str]) -> Iterator[str]:
    """What all of them share once, then what each has of its own."""
    of_each = {name: settings_of(group, name) for name in names}
    plain = {name: given(group, name) for name in names}
    shared = [one for one in next(iter(of_each.values())) if all(one in settings for settings in of_each.values())]
    if shared:
        yield from ["", f"Each {registry.kind} has", "", *table(shared, {})]
    usual = {one.name: one.default for one in shared}
    bare = []
    for name, settings in of_each.items():
        own = [one for one in settings if one not in shared]
        other = [said(key, one) for key, one in plain[name].items() if key in usual and one != usual[key]]
        line = inert(about(group, name)) + (f" ({', '.join(other)})" if other else "")
        if own:
            yield from ["", f"### {name}", "", line, "", *table(own, plain[name])]
        else:
            bare.append(f"- `{name}`: {line}")
    if bare:
        yield from ["", "Nothing else can be set of these:", "", *bare]


def ours(registry: Registry) -> list[str]:
    return [name for name in registry.names() if registry.is_ours(registry.modules[name])]


def table(settings: Sequence[Setting], plain: dict[str, Any]) -> Iterator[str]:
    """With the defaults of a choice where they are plain values, else those of the constructor."""
    yield from HEAD
    for one in settings:
        default = plain.get(one.name, one.default)
        known = {REQUIRED: "has to be given", COMPUTED: "*computed*"}
        shown_default = known.get(str(default), f"`{config.typed(default)}`")
        kind = f"{one.type}, {one.range}" if one.range else one.type
        yield f"| `{one.name}` | {inert(kind)} | {shown_default} | {inert(one.meaning)} |"


def inert(text: str) -> str:
    """In a cell: no border of a column and no tag."""
    return text.replace("|", "\\|").replace("<", "&lt;") if "`" not in text else text.replace("|", "\\|")


def file_of(group: str, name: str) -> Path:
    return config.choices_folder() / group / f"{name}.yaml"


def about(group: str, name: str) -> str:
    """The first sentence of help in its file; of what has no file, of its docstring."""
    file, registry = file_of(group, name), registry_of(group)
    if file.is_file():
        lines = file.read_text(encoding="utf-8").splitlines()
        text = " ".join(
            line[2:] for line in takewhile(lambda one: one.startswith("#"), lines) if "@package" not in line
        )
    else:
        text = " ".join((registry[name].__doc__ or "").split()) if registry is not None else ""
    return re.split(r"(?<=[^.])\. (?=[A-Z])", text, maxsplit=1)[0].rstrip(".")


def given(group: str, name: str) -> dict[str, Any]:
    """The values of a choice's file, COMPUTED for one that it makes of other settings."""
    file = file_of(group, name)
    read = yaml_of(file) if file.is_file() else None
    node = read if isinstance(read, dict) else {}
    for key in (group, name):  # a method's file holds other groups too, a criterion's is of several
        node = node[key] if isinstance(node.get(key), dict) else node
    return {key: COMPUTED if COMPUTED in str(value) else value for key, value in node.items()}


def chosen(group: str, name: str) -> str:
    """What a choice of no component sets."""
    values = {key: value for key, value in given(group, name).items() if key not in ("name", "defaults")}
    return inert(", ".join(said(key, value) for key, value in values.items()))


def said(key: str, value: Any) -> str:
    return f"`{key}`: *computed*" if value == COMPUTED else f"`{key}={config.typed(value)}`"
