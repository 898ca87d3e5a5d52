"""A user's mistake in one line: what, where, what to do."""

from __future__ import annotations

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from unix_exp.help import composed
from unix_exp.types import Mistake
from unix_exp.words import first_line, nearest


def in_one_line(error: BaseException) -> str | None:
    """The complaint, or None where the error is ours and not the user's."""
    if isinstance(error, Mistake):
        return " ".join(str(error).split())
    if isinstance(error, MissingConfigException):
        return unknown_choice(error)
    if isinstance(error, OverrideParseException):
        return f"cannot read '{error.override}'; write key=value, and quote a value with brackets, commas or spaces"
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        if "not in struct" in str(cause) or "is not in" in str(cause):
            return unknown_setting(cause.full_key)
        return f"{cause.full_key}: {first_line(cause)}"
    if str(error).startswith("Ambiguous value"):
        return f"{first_line(error)}; add -m to run each of several values, or quote a list: 'key=[a,b]'"
    if str(error).startswith("Config group override must be"):
        return "a group takes a choice by name, such as teacher=resnet32x4; distiller=supervised needs no teacher"
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return first_line(error)
    return None


def unknown_choice(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    return f"{group or 'configuration'} '{name}' does not exist; {nearest(name, error.options or ())}"


def unknown_setting(full_key: str) -> str:
    """Look up what the place would have taken, with the same groups chosen."""
    place, _, key = full_key.rpartition(".")
    node = composed()
    for part in place.split(".") if place else ():
        node = node.get(part) if isinstance(node, DictConfig) else None
    known = [str(name) for name in node if name != "hydra"] if isinstance(node, DictConfig) else []
    owner = f"{place} has" if place else "there is"
    if isinstance(node, DictConfig) and isinstance(name := node.get("name"), str):
        owner = f"{place} '{name}' has"
        known = [one for one in known if one not in ("name", "pace")]
    return f"{owner} no setting '{key}'; {nearest(key, known)}"
