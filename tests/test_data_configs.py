"""Every data set has a config, which says its constructor's own defaults."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from unix_exp.registry import datasets

CONF = Path(__file__).parents[1] / "conf" / "dataset"


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_says_the_constructors_own_defaults(path: Path) -> None:
    config = OmegaConf.load(path)
    config = config.get("dataset", config)  # one that chooses a recipe as well says which part is its own
    constructor = datasets[config.pop("name")]
    parameters = inspect.signature(constructor).parameters
    assert set(config) == set(parameters)
    for key, parameter in parameters.items():
        assert (
            OmegaConf.is_missing(config, key)
            if parameter.default is parameter.empty
            else config[key] == parameter.default
        )
    assert path.read_text().startswith("# ")


def test_every_dataset_has_a_config() -> None:
    ours = [name for name in datasets.names() if datasets.is_ours(datasets.modules[name])]
    assert ours == sorted(path.stem for path in CONF.glob("*.yaml"))
