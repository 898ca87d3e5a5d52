"""What libyaml reads is what OmegaConf reads by itself, and what is wrong is said in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from unix_exp.config import choices_folder
from unix_exp.config.quick_yaml import loader, quick_yaml

TEXTS = {
    "values": "a: 2020-01-01\nb: 1e3\nc: 0o7\nd: 1_000\ne: yes\nf: .5\ng: 1:30\nh: ~\nk: ${seed}\nl: 5.\nm: .inf\n",
    "nothing": "",
    "a list": "- 1\n- {a: [b, 'c']}\n",
    "not closed": "a: [1, 2",
    "twice": "a: 1\na: 2",
    "two colons": "a: b: c",
    "a tab": "\ta: 1",
    "a tab after a colon": "a:\tb",
    "a tab at the end": "a: 1\t# c",
    "a tag without a name": "a: !\n",
    "a question mark in a list": "a: [a?, b]",
    "a comment after a bar": "a: |#c\n  x",
    "a mark in the middle": "- a\n- b: c\n\ufeff",
    "an object": "a: !!python/object/apply:os.system ['x']",
    "no such anchor": "a: *b",
    "a list and a key": "- 1\nb: 2",
}


def said(path: Path) -> Any:
    with path.open() as file:
        try:
            return OmegaConf.to_yaml(OmegaConf.load(file))
        except Exception as error:
            return type(error), str(error)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_it_reads_and_refuses_what_omegaconf_does(text: str, tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(text)
    plain = said(path)
    with quick_yaml():
        assert said(path) == plain
    assert said(path) == plain, "and leaves OmegaConf as it was"


def test_every_choice_is_read_to_the_same() -> None:
    paths = sorted(choices_folder().rglob("*.yaml"))
    plain = [said(path) for path in paths]
    with quick_yaml():
        assert [said(path) for path in paths] == plain and len(paths) > 100
    assert yaml.__with_libyaml__ == any("CParser" in one.__name__ for one in loader().__mro__)
