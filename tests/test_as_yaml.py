"""Settings as text are those that OmegaConf writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from unix_exp.run.as_yaml import as_yaml

RESULTS = Path(__file__).parents[1] / "results"
ODD = [
    "1e3", "yes", "", " x ", "a: b", "ünïcode ✓", "x" * 300, "word " * 60, "line\nbreak", "- dash", "0x10", "12:30",
    "2020-01-01", "null", "~", "#x", "'quote'", '"quote"', "\ttab", "${a}", "%x", "@x", "`x", None, True, 1e-7, 1e22,
    float("inf"), 7, Path("a/b"), [], {}, [1, [2, {"q": []}], {}], {"on": {"deep": [None, "off"]}},
]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_value_is_written_as_omegaconf_writes_it(value: object) -> None:
    settings = {"value": value, "list": [value], "deep": {"value": value}}
    assert as_yaml(settings) == OmegaConf.to_yaml(OmegaConf.create(settings))


def test_kept_configurations_are_written_as_they_are() -> None:
    kept = [path.read_text() for path in sorted(RESULTS.glob("*/*/config.yaml"))]
    assert kept
    for text in kept:
        settings = OmegaConf.to_container(OmegaConf.create(text))
        assert isinstance(settings, dict)
        plain = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
        assert as_yaml({str(key): value for key, value in settings.items()}) == plain


def test_what_two_settings_share_is_written_twice() -> None:
    shared = [0.5, 0.25]
    assert as_yaml({"mean": shared, "std": shared}) == as_yaml({"mean": [0.5, 0.25], "std": [0.5, 0.25]})


def test_other_letters_come_back() -> None:
    assert OmegaConf.create(as_yaml({"tag": "😀"})).tag == "😀"
