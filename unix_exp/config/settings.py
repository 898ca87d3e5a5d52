"""Where the configuration is, and the shape it must have. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, base
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from unix_exp.config.declared import OfWeights
from unix_exp.ranges import printable, shown, wrong
from unix_exp.types import Mistake
from unix_exp.words import nearest

KEYS = (
    "teacher", "assistant", "student", "networks", "dataset", "distiller", "sampler", "criterion", "recipe",
    "teacher_recipe", "teacher_distiller", "teacher_sampler", "teacher_criterion", "answers", "runtime", "logger",
    "seed", "method", "plugins", "runs", "teachers",
)  # fmt: skip
OF_SWEEPS = ("fail_fast",)  # say nothing about a run

# Settings of a network that say where its weights come from, and what it is asked for less by (exit, shrink);
# a teacher has them before it is chosen.
OF_WEIGHTS = tuple(one.name for one in fields(OfWeights))

Settings = dict[str, Any]


@cache
def choices_folder() -> Path:
    """conf/ in a checkout; inside the package when installed."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


# OmegaConf reads the text of an interpolation each time that it is resolved, which was a seventh of composing.
base.parse = lru_cache(1024)(base.parse)


def register_resolvers() -> None:
    # A batch that is not a number passes: the check of the recipe reports it.
    OmegaConf.register_new_resolver("share", share, replace=True)
    OmegaConf.register_new_resolver("half", lambda batch: batch / 2 if isinstance(batch, int) else None, replace=True)
    OmegaConf.register_new_resolver("times", lambda one, other: computed(lambda: one * other), replace=True)
    OmegaConf.register_new_resolver("rest", lambda part: computed(lambda: 1 - part), replace=True)
    OmegaConf.register_new_resolver("pick", lambda choice, among, other=None: among.get(choice, other), replace=True)


def share(batch: Any, part: float) -> int | None:
    """A share of a number, such as a batch in images; at least one."""
    return max(1, int(part * batch)) if isinstance(batch, int) else None


def computed(number: Callable[[], Any]) -> Any:
    """A number without the last digits that arithmetic leaves; None of what is no number, which its check reports."""
    try:
        return round(number(), 12)
    except TypeError:
        return None


def with_assistant(config: DictConfig) -> DictConfig:
    """The assistant in the teacher's place, with the teacher for its own; where none is chosen, what was given."""
    if config.get("assistant") is None:
        return config
    for key in ("assistant", "teacher"):
        if not isinstance(config.get(key), DictConfig) or "name" not in config[key]:
            raise Mistake(f"{key} is not chosen; an assistant learns from a teacher: teacher=NAME assistant=NAME")
    made = config.copy()
    OmegaConf.set_struct(made, False)
    teacher = raw(config.teacher)
    made.teacher = {"checkpoint": "auto", "seed": teacher.get("seed", 0), **raw(config.assistant), "teacher": teacher}
    del made["assistant"]
    return made


def resolve(config: DictConfig) -> Settings:
    """A plain, complete configuration of the right outer shape; each component checks its own settings."""
    register_resolvers()
    config = with_assistant(config)
    for key in config:
        if key not in (*KEYS, *OF_SWEEPS):
            raise Mistake(f"there is no setting '{key!s}'; {nearest(str(key), (*KEYS, *OF_SWEEPS))}")
    for key in ("recipe", "teacher_recipe"):  # that other settings refer to
        if not isinstance(config.get(key), DictConfig):
            raise Mistake(f"{key} is not chosen; give {key}=NAME")
    if not isinstance(fail_fast := config.get("fail_fast", False), bool):
        raise Mistake(f"fail_fast is {fail_fast!r}; it must be true or false")
    try:
        settings = without(by_name(OmegaConf.to_container(config, resolve=True, throw_on_missing=True)), *OF_SWEEPS)
    except MissingMandatoryValue as error:
        raise Mistake(f"{error.full_key} is missing; give {error.full_key}=...") from None
    except OmegaConfBaseException as error:
        raise Mistake(f"{error.full_key or 'the configuration'}: {str(error).splitlines()[0]}") from None
    check_texts(settings)
    check_shape(settings)
    return settings


def check_texts(value: Any, path: str = "") -> None:
    """Names and texts end up in folders' names, lines and tables: none may break one."""
    if isinstance(value, str) and (why := wrong(value)) is not None:
        raise Mistake(f"{path} is {shown(value)}; {why}")
    if isinstance(value, Mapping):
        for key, one in value.items():
            if not isinstance(key, str) or not printable(key):
                raise Mistake(f"{path or 'the configuration'} has a setting {shown(key)}; a name is text in one line")
            check_texts(one, f"{path}.{key}" if path else str(key))
    if isinstance(value, list):
        for one in value:
            check_texts(one, path)


def check_shape(settings: Settings) -> None:
    """Check that groups are groups and values of the right type, before components check their settings."""
    for key in ("criterion", "recipe", "teacher_recipe", "runtime", "logger"):
        if not isinstance(settings.get(key), dict):
            raise Mistake(f"{key} is not chosen; give {key}=NAME")
    for key in ("student", "dataset", "distiller", "sampler"):
        if not isinstance(settings.get(key), dict) or "name" not in settings[key]:
            raise Mistake(f"{key} is not chosen; give {key}=NAME")
    for key in ("teacher_sampler", "teacher_criterion"):  # earlier records have none
        if not isinstance(settings.get(key, {}), dict):
            group = key.removeprefix("teacher_")
            raise Mistake(f"{key} is {shown(settings[key])}; choose one with {group}@{key}=NAME")
    if not isinstance(settings.setdefault("answers", {}), dict):  # earlier records have none
        raise Mistake(f"answers is {shown(settings['answers'])}; choose live or stored")
    if not isinstance(settings.get("teacher_distiller", {}), dict):
        raise Mistake(f"teacher_distiller is {shown(settings['teacher_distiller'])}; give teacher_distiller.name=NAME")
    for key in ("runs", "teachers"):
        if not isinstance(settings.get(key), str) or not settings[key]:
            raise Mistake(f"{key} is {shown(settings.get(key))}; give the path of a folder")
    for key in ("teacher", "networks"):
        check_networks(key, settings.get(key) or {})
    named = settings.get("plugins") or []
    settings["plugins"] = [named] if isinstance(named, str) else named
    if not isinstance(settings["plugins"], list):
        raise Mistake(f"plugins is {shown(named)}; give a module or a file, or a list of them, such as plugins=my.py")
    if not isinstance(settings.setdefault("method", None), str | None):
        raise Mistake(f"method is {shown(settings['method'])}; it must be text or null")
    teacher = settings.setdefault("teacher", {}) or {}
    for name, seed in (("seed", settings.setdefault("seed", 0)), ("teacher.seed", teacher.get("seed", 0))):
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
            raise Mistake(f"{name} is {shown(seed)}; it must be a whole number from 0 on, below 2^31")


def check_networks(key: str, given: Any) -> None:
    if not isinstance(given, dict):
        raise Mistake(f"{key} is {shown(given)}; choose one with {key}=NAME")
    for role, one in given.items() if key == "networks" else ():
        if not isinstance(one, dict):
            raise Mistake(f"networks.{role} is {shown(one)}; choose one with +model@networks.{role}=NAME")
        check_taught(f"networks.{role}", one)
    if key == "teacher":
        check_taught(key, given)


def check_taught(key: str, given: Settings) -> None:
    """A network may have a teacher of its own, which may have one."""
    while (teacher := given.get("teacher")) is not None:
        key = f"{key}.teacher"
        if not isinstance(teacher, dict) or "name" not in teacher:
            raise Mistake(f"{key} is {shown(teacher)}; choose one with +model@{key}=NAME")
        given = teacher


def raw(node: DictConfig) -> Settings:
    return by_name(OmegaConf.to_container(node, resolve=False))


def by_name(container: Any) -> Settings:
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


def without(settings: Mapping[str, Any], *names: str) -> Settings:
    return {key: value for key, value in settings.items() if key not in names}
