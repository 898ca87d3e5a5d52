"""The notebook of examples/deploy runs from its first cell to its last, and says what it says there.

Running it takes a minute and is left to `make test-long`; what it shows and types is checked without that, too.
"""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from starter import Starter

from unix_exp.config import compose

HERE = Path(__file__).parents[1] / "examples" / "deploy"


@pytest.fixture(scope="module")
def executed(train: Starter, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(HERE / "draw.py", folder)
    notebook = nbformat.read(HERE / "deploy.ipynb", as_version=4)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "executable", str(train.python))  # its kernel and its commands are forks; see forking.py
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def kept() -> list[Any]:
    """Its cells with the outputs that are shown with them."""
    return [cell for cell in nbformat.read(HERE / "deploy.ipynb", as_version=4).cells if cell.cell_type == "code"]


def said(cell: Any) -> str:
    shown = [one for one in cell.outputs if one.output_type != "error" and one.get("name") != "stderr"]
    return "".join(one.get("text", "") or one.get("data", {}).get("text/plain", "") for one in shown)


def value(cell: Any) -> str:
    """Of its last line; what a process printed meanwhile may come with any cell."""
    return "".join(one["data"]["text/plain"] for one in cell.outputs if one.output_type == "execute_result")


def check(cells: list[Any]) -> None:
    drawn, _, trained, asked, exported, predicted, alone = cells
    assert "'broken-ring'" in said(drawn) and "'two-bars'" in said(drawn)
    assert "its classifier is fresh" in said(trained) and "chosen on" in said(trained)
    assert "(3, 64, 64)" in said(asked)
    assert all(name in said(exported) for name in ("student.onnx", "student.pt2", "student-int8.onnx"))
    lines = said(predicted).strip().splitlines()
    assert len(lines) == 25 and all(line.startswith("photos/") and line.endswith("%") for line in lines)
    assert float(said(alone)) < 1e-3


@pytest.mark.long
def test_every_cell_runs_and_the_student_is_exported_and_asked(executed: list[Any]) -> None:
    check(executed)


@pytest.mark.long
def test_what_the_page_shows_is_what_it_makes(executed: list[Any], kept: list[Any]) -> None:
    """Kept outputs are of this code: the same cells, none of them failed."""
    assert [bool(value(cell)) for cell in kept] == [bool(value(cell)) for cell in executed]
    assert value(kept[0]) == value(executed[0])


def test_what_is_shown_is_whole_and_of_no_machine(kept: list[Any]) -> None:
    check(kept)
    assert not [one for cell in kept for one in cell.outputs if one.output_type == "error"]
    assert "site-packages" not in (HERE / "deploy.ipynb").read_text(), "a path of the machine that it was executed on"


def test_the_settings_that_it_types_are_settings(kept: list[Any]) -> None:
    (assigned,) = (one for one in ast.walk(ast.parse(kept[2].source)) if isinstance(one, ast.Assign) and named(one))
    words: list[str] = ast.literal_eval(assigned.value)
    with compose.hydra_ready():
        settings = compose.composed(tuple(words))
    assert settings.student.arch in kept[2].source and settings.recipe.epochs == 3


def named(assigned: ast.Assign) -> bool:
    return [one.id for one in assigned.targets if isinstance(one, ast.Name)] == ["words"]
