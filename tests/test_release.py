"""What a release says about itself agrees: the version, the changes, how to cite it, the forms for issues."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import yaml

import unix_exp

ROOT = Path(__file__).parents[1]


def test_the_version_is_written_once_and_said_alike_everywhere() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["version"] == "attr: unix_exp.__version__"
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == unix_exp.__version__
    changes = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## (\d+\.\d+\.\d+) \((\d+ \w+ \d+)\)$", changes, re.MULTILINE)
    assert newest is not None and newest[1] == unix_exp.__version__
    day = citation["date-released"]
    assert newest[2] == f"{day.day} {day:%B %Y}"


@pytest.mark.parametrize("form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda form: form.stem)
def test_a_form_for_issues_asks_something_and_can_be_read(form: Path) -> None:
    known = yaml.safe_load(form.read_text())
    if form.name == "config.yml":
        assert known["blank_issues_enabled"] is True
        return
    assert known["name"] and known["description"]
    asked = known["body"]
    assert {one["type"] for one in asked} <= {"textarea", "input", "checkboxes", "dropdown", "markdown"}
    assert all(one["attributes"]["label"] for one in asked)
    assert len({one["id"] for one in asked}) == len(asked)
    assert any(one.get("validations", {}).get("required") for one in asked)


def test_targets_that_the_guide_names_exist() -> None:
    """In CONTRIBUTING.md and the README."""
    makefile = (ROOT / "Makefile").read_text()
    for page in ("CONTRIBUTING.md", "README.md"):
        for target in re.findall(r"make ([a-z-]+)(?=`| {2,}|$)", (ROOT / page).read_text(), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_no_page_holds_what_a_merge_left_over() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "results/notes.md"]
    assert [page.name for page in pages if re.search("^(<{7} |={7}$|>{7} )", page.read_text(), re.MULTILINE)] == []
