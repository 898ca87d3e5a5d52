"""Weights for other classes than the data's: published ones, and a file's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from omegaconf import OmegaConf

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.registry import models
from unix_exp.run import components
from unix_exp.run.as_yaml import as_yaml
from unix_exp.run.checkpoint import Differences, weights_in
from unix_exp.run.sources import AUTO


def published_classes(chosen: Settings) -> int | None:
    asked = getattr(models[chosen["name"]], "published_classes", None)
    return None if asked is None else asked(chosen["arch"])


def fresh_classifier(role: str, chosen: Settings, classes: int) -> str | None:
    """What to say of a published network whose classes are not the data's."""
    from_file = chosen.get("checkpoint") not in (None, AUTO)
    theirs = published_classes(chosen) if chosen.get("pretrained") and not from_file else None
    if theirs in (None, classes):
        return None
    return (
        f"{role} {config.network_name(chosen)} begins from published weights for {theirs} classes and the data has "
        f"{classes}: its classifier is fresh, all other weights are kept"
    )


def frozen_dict(chosen: Settings) -> str:
    return as_yaml(chosen)


@cache
def for_other_classes(path: Path, changed: str, chosen: str, role: str, classes: int) -> bool:
    """Whether a file fits the network but for a classifier for other classes; `changed` is when the file was."""
    settings = OmegaConf.to_container(OmegaConf.create(chosen))
    assert isinstance(settings, dict)
    network = components.skeleton({str(key): one for key, one in settings.items()}, role, classes)
    return bool(Differences.between(network.state_dict(), weights_in(path, network)).classifier_alone())
