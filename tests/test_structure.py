"""Imports go one way: a module may import what stands before it, never what stands after."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

import unix_exp

PACKAGE = Path(unix_exp.__file__).parent
LAYERS = [
    {"types", "words"},
    {"registry"},
    {"config", "paper"},
    {"models", "data", "samplers", "criteria", "probes"},
    {"distillers"},
    {"cost"},
    {"engine"},
    {"sinks"},
    {"run"},
    {"plots"},
    {"report"},
    {"cli"},
    {"sweeps"},
    {"train", "dashboard", "bench", "probes"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "unix_exp":
            found |= {alias.name for alias in node.names} - {"__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unix_exp."):
            found.add(str(node.module).split(".")[1])
    return found


def test_imports_go_one_way() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        if path.parent == PACKAGE and path.name == "__init__.py":
            continue  # the three functions for notebooks, which import when called
        own = part_of(path)
        assert own in LEVEL, f"{own} has no place in LAYERS"
        # A type may be named from above: under TYPE_CHECKING nothing is imported.
        wrong += [(str(path), name) for name in imported(path) if name != own and LEVEL[name] > LEVEL[own]]
    assert wrong == []


def test_no_step_reads_from_the_device() -> None:
    """.item(), .tolist(), .cpu() and numpy in what runs every step would make the host wait."""
    for folder in ("samplers", "criteria", "distillers", "models"):
        for path in (PACKAGE / folder).glob("*.py"):
            calls = {
                node.func.attr
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            }
            assert not calls & {"item", "tolist", "cpu", "numpy", "nonzero"}, path


def test_every_package_is_shipped() -> None:
    listed = configparser.ConfigParser()
    listed.read(PACKAGE.parent / "setup.cfg")
    shipped = set(listed["options"]["packages"].split())
    there = {".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")}
    assert shipped == there | {"unix_exp.conf"}  # conf/ lies beside the package and ships inside it
