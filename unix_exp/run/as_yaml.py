"""Settings as OmegaConf writes them, by libyaml in a tenth of the time: every run does so before it begins."""

from __future__ import annotations

from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf._utils import OmegaConfDumper
from yaml.representer import RepresenterError


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Puts texts in quotes that would be read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True  # what two settings share is written twice


Dumper.add_representer(str, OmegaConfDumper.str_representer)


def as_yaml(settings: dict[str, Any]) -> str:
    try:
        text: str = yaml.dump(settings, Dumper=Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False)
    except RepresenterError:  # a path, or whatever else a plug-in's constructor has for a default
        return OmegaConf.to_yaml(OmegaConf.create(settings))
    return text
