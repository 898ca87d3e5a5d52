"""docs/metrics.md explains every value that a run logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import unix_exp
from unix_exp.run import record

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/metrics.md").read_text()
LOGGED = re.compile(r'"((?:train|test|val|method|cost|time|analysis)/\w+)"')  # a text of its own, in code
NAMED = {name for row in re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)}
FREE = [re.compile(re.escape(name).replace("NAME", r"\w+").replace("_N", r"_\d+")) for name in NAMED if "NAME" in name]


def unexplained(names: set[str]) -> list[str]:
    """Those of no row of their own; what a criterion or method calls its values has a row with NAME."""
    return sorted(name for name in names - NAMED if not any(free.fullmatch(name) for free in FREE))


def test_every_name_in_the_code_is_explained() -> None:
    names = {
        name
        for path in Path(unix_exp.__file__).parent.rglob("*.py")
        if not {"report", "dashboard", "sweeps"} & set(path.parts)  # which read what others log
        for name in LOGGED.findall(path.read_text())
    } | set(record.Metrics.__annotations__) - {"epoch"}
    assert len(names) > 20
    assert sorted(names - NAMED) == []


def test_every_name_in_the_kept_records_is_explained() -> None:
    files = sorted((ROOT / "results").glob("*/*/metrics.jsonl"))
    names = {name for file in files for line in file.read_text().splitlines() for name in json.loads(line)}
    assert len(names) > 30
    assert unexplained(names - {"epoch"}) == []


@pytest.mark.parametrize(("file", "declared"), [("analysis.jsonl", record.Analysis), ("result.json", record.Finished)])
def test_what_else_a_run_writes_is_explained(file: str, declared: type) -> None:
    assert file in PAGE
    known = set(declared.__annotations__) - {"epoch", "steps"}
    assert known - NAMED == set()


def test_a_name_that_no_row_explains_is_found() -> None:
    assert unexplained({"train/anything", "method/weight_at_3", "cost/nothing", "analysis/x_kept"}) == [
        "analysis/x_kept",
        "cost/nothing",
    ]
