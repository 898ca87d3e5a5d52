"""Where a run's settings differ from the defaults of the components that it chose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from unix_exp import config
from unix_exp.runs.entry import mapping

CHOSEN = ("teacher", "student", "dataset", "distiller", "sampler")  # each by the name of a component
ASIDE = ("runs", "teachers", "logger", "plugins", "method", "seed")  # of no training, or said elsewhere
ABSENT = "-"  # in the place of a default that there is none of
NAME = re.compile(r"\w+")


class Differing(NamedTuple):
    key: str
    value: Any
    usual: Any


def differing(settings: Mapping[str, Any]) -> list[Differing]:
    """Without settings that a record of an earlier version does not have."""
    usual = usual_of(settings)
    own = config.flat(config.without(settings, *ASIDE))
    return [
        Differing(key, value, usual.get(key, ABSENT))
        for key, value in own.items()
        if key not in usual or config.alike(value) != config.alike(usual[key])
    ]


def usual_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """By dotted name, as the command composes them that chooses the same components and sets nothing."""
    from hydra.errors import HydraException  # here, because a list of runs needs no Hydra
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from unix_exp.config import compose

    try:
        with compose.hydra_ready():
            whole = compose.composed(tuple(choices(settings)))
            return config.flat(mapping(OmegaConf.to_container(whole, resolve=True)))
    except (HydraException, OmegaConfBaseException):
        return {}


def choices(settings: Mapping[str, Any]) -> Iterator[str]:
    """Those that have a file in conf/; a component of someone's own has none, and its code is not loaded for this."""
    for group in CHOSEN:
        name = mapping(settings.get(group)).get("name")
        if has_file(group, name):
            yield f"{group}={name}"
    criteria = [name for name in mapping(settings.get("criterion")) if has_file("criterion", name)]
    if criteria:
        yield f"criterion=[{','.join(criteria)}]"


def has_file(group: str, name: Any) -> bool:
    whole = isinstance(name, str) and NAME.fullmatch(name) is not None
    return whole and (config.choices_folder() / group / f"{name}.yaml").is_file()
