"""docs/settings.md is what the code declares."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command

from unix_exp import config
from unix_exp.catalogue import __main__ as command
from unix_exp.registry import REGISTRIES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/settings.md").read_text()


def test_the_page_in_docs_is_what_the_catalogue_writes(typed: Callable[..., Command], tmp_path: Path) -> None:
    said = typed(command.main)("--settings", str(tmp_path / "settings.md"))
    assert said.code == 0 and "every setting" in said.out
    assert (tmp_path / "settings.md").read_text() == PAGE, "python -m unix_exp.catalogue --settings docs/settings.md"


def test_every_choice_of_every_group_is_on_it() -> None:
    """As a heading, in a row or in a list."""
    named = set(re.findall(r"^(?:### |- `|\| `)([\w-]+)", PAGE, re.MULTILINE))
    assert {path.stem for path in config.choices_folder().glob("*/*.yaml")} <= named
    ours = {name for one in REGISTRIES for name in one.names() if one.is_ours(one.modules[name])}
    assert ours <= named


def test_most_settings_say_what_they_mean() -> None:
    rows = re.findall(r"^\| `\w+` \| [^|]+ \| [^|]+ \|(.*)\|$", PAGE, re.MULTILINE)
    assert len(rows) > 150
    assert sum(not row.strip() for row in rows) == 0


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("unix", "| `k` | a whole number or null | *computed* |"),
        ("kd", "| `tau` | a number, 0.01 to 1000 | `4.0` |"),
        ("timm", "| `arch` | text | `resnet18` |"),
        ("folder", "| `path` | text | has to be given |"),
    ],
)
def test_a_setting_is_shown_with_what_it_may_be_and_its_default(name: str, row: str) -> None:
    own = PAGE.split(f"\n### {name}\n")[-1].split("\n#")[0]
    assert any(line.startswith(row) for line in own.splitlines()), own


def test_a_file_that_cannot_be_written_is_one_line(typed: Callable[..., Command]) -> None:
    said = typed(command.main)("--settings", "nowhere/settings.md")
    assert said.code == 2 and "choose another file with --settings" in said.err and said.err.count("\n") == 1
