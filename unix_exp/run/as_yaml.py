"""Settings as OmegaConf writes them, by libyaml in a tenth of the time: every run does so before it begins."""

from __future__ import annotations

from typing import Any

import yaml
from omegaconf._utils import OmegaConfDumper


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Puts texts in quotes that would be read as something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True  # what two settings share is written twice


Dumper.add_representer(str, OmegaConfDumper.str_representer)


def as_yaml(settings: dict[str, Any]) -> str:
    text: str = yaml.dump(settings, Dumper=Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False)
    return text
