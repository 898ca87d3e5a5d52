"""Imports go one way: a module may import what stands before it, never what stands after."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from pathlib import Path

import unix_exp
from unix_exp import config
from unix_exp.registry import REGISTRIES

PACKAGE = Path(unix_exp.__file__).parent
LAYERS = [
    {"types", "words", "ranges", "recipe", "stopping"},
    {"registry"},
    {"config", "paper"},
    {"models", "data", "samplers", "criteria", "optimisers"},
    {"distillers"},
    {"cost"},
    {"engine"},
    {"sinks"},
    {"run"},
    {"plots"},
    {"report"},
    {"deploy"},
    {"cli"},
    {"sweeps"},
    {"cluster"},
    {"train", "dashboard", "bench", "probes", "answers", "export", "predict", "measure", "catalogue", "runs"},
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
        level = len(LAYERS) if path.name == "__main__.py" else LEVEL[own]  # a command, whatever package it shows
        wrong += [(str(path), name) for name in imported(path) if name != own and LEVEL[name] > level]
    assert wrong == []


WORDS = {  # what a line says that is about a component of a kind
    "model": r"model|student|teacher|network",
    "dataset": r"data",
    "augmentation": r"augment",
    "sampler": r"sampler",
    "criterion": r"criteri",
    "distiller": r"distiller|method",
    "optimiser": r"optimiser",
    "probe": r"probe",
    "sink": r"sink|logger",
}


def test_no_component_is_named_outside_its_own_file() -> None:
    """What a component can do is asked of it; a name in code elsewhere is a special case."""
    files = {
        registry.kind: {name: sys.modules[registry.modules[name]].__file__ for name in registry.names()}
        for registry in REGISTRIES
    }
    named = []
    for path in PACKAGE.rglob("*.py"):
        lines = path.read_text().splitlines()
        for name, number in texts_of(lines):
            kinds = (kind for kind, known in files.items() if known.get(name, str(path)) != str(path))
            named += [f"{path}:{number} {kind} {name}" for kind in kinds if re.search(WORDS[kind], lines[number - 1])]
    assert named == []


def texts_of(lines: list[str]) -> list[tuple[str, int]]:
    """The texts in code, with their lines."""
    nodes = ast.walk(ast.parse("\n".join(lines)))
    return [(one.value, one.lineno) for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def test_few_modules_lie_flat_and_none_is_long() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 8
    for folder in (PACKAGE, Path(__file__).parent):
        for path in folder.rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 300, path


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


def test_the_types_are_shipped() -> None:
    """Without py.typed a type checker takes everything of an installed package for Any."""
    listed = configparser.ConfigParser()
    listed.read(PACKAGE.parent / "setup.cfg")
    assert "py.typed" in listed["options.package_data"]["unix_exp"].split()
    assert (PACKAGE / "py.typed").is_file()


def test_every_component_of_a_group_has_a_file_of_choices() -> None:
    """One without is found by its constructor, and --help would import PyTorch to look for it."""
    for registry in REGISTRIES:
        if (folder := config.choices_folder() / registry.kind).is_dir():
            ours = {name for name in registry.names() if registry.modules[name].startswith("unix_exp.")}
            assert ours <= {path.stem for path in folder.glob("*.yaml")}, registry.kind
