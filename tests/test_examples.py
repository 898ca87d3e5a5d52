"""The examples as somebody meets them who installed the package and copied them to a folder of their own."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from common import TINY
from starter import Starter, moment, records, same_run, starter

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SHOWN = {  # what there must be an example of, and what its code cannot do without
    "a sampler with a memory": ("@samplers.register", "register_buffer", "def learned"),
    "a criterion with adapters": ("@criteria.register", "nn.Conv2d", "facts.shapes"),
    "a method with two stages and a head": ("@distillers.register", "def stages", "nn.Linear", "per_image="),
    "a network": ("@models.register", "Output("),
    "a data set": ("@datasets.register", "def fingerprint"),
}
OF_STAGES = [example for example in EXAMPLES if "def stages" in example.read_text()]
FAST = (*TINY, "runtime.threads=1", "recipe.epochs=3")

every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


def command_of(example: Path) -> list[str]:
    """The words of the command that an example's third line says, after its first line and an empty one."""
    title, empty, command = example.read_text().splitlines()[:3]
    assert title.startswith('"""') and title.endswith(".") and not empty
    program, words = command[: len("python -m unix_exp.train")], shlex.split(command)[3:]
    assert program == "python -m unix_exp.train" and f"plugins=examples/{example.name}" in words
    return words


@every_example
def test_an_example_is_short_and_says_what_it_is_and_how_to_run_it(example: Path) -> None:
    assert len(example.read_text().splitlines()) <= 40
    command_of(example)


@pytest.mark.parametrize("what", SHOWN)
def test_there_is_an_example_of(what: str) -> None:
    assert any(all(part in example.read_text() for part in SHOWN[what]) for example in EXAMPLES)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as a wheel installs it; what it needs is there already."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("unix_exp", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--no-compile", "--disable-pip-version-check")
    pip = (sys.executable, "-m", "pip", "--quiet", "install")
    subprocess.run([*pip, *offline, "--target", str(target), str(source)], check=True)  # builds a wheel on the way
    assert (target / "unix_exp" / "py.typed").exists() and (target / "unix_exp" / "conf" / "config.yaml").exists()
    return target


@pytest.fixture(scope="module")
def train(installed: Path) -> Iterator[Starter]:
    with starter(installed) as made:
        assert made.package == installed / "unix_exp"
        yield made


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("teachers")


@every_example
def test_an_example_runs_from_anywhere(train: Starter, teachers: Path, tmp_path: Path, example: Path) -> None:
    done = train(copied(tmp_path / "here"), [*words_of(example), f"teachers={teachers}", "recipe.epochs=1"])
    assert done.code == 0, done.said


@pytest.mark.parametrize("example", OF_STAGES, ids=lambda path: path.stem)
def test_an_example_with_stages_that_is_killed_in_each_ends_the_same(
    train: Starter, teachers: Path, tmp_path: Path, example: Path
) -> None:
    """As processes; the state of the others is compared in test_registries.py."""
    words = [*words_of(example), f"teachers={teachers}"]
    whole, broken = copied(tmp_path / "undisturbed"), copied(tmp_path / "killed")
    undisturbed = train(whole, words)
    assert undisturbed.code == 0, undisturbed.said
    for first in range(0, len(records(whole)), 3):  # a moment in every stage
        kill = moment(first + 1, first + 2)
        killed = train(broken, words, kill)
        assert killed.code == -9, (kill, killed.said)
    continued = train(broken, words)
    assert continued.code == 0, continued.said
    assert same_run(whole, broken)


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def words_of(example: Path) -> list[str]:
    words = command_of(example)
    chosen = {one.partition("=")[0] for one in words}
    if "dataset" in chosen:
        chosen.add("dataset.side")  # which only our drawn images have
    smaller = [word for word in FAST if word.partition("=")[0] not in chosen]
    return [*smaller, *shortened(words)]


def shortened(words: list[str]) -> list[str]:
    """The same command on less: three epochs a stage, and no more images kept than a batch has."""
    small = {"distiller.more_epochs": "3", "sampler.k": "10"}
    return [f"{key}={small.get(key, value)}" for key, _, value in (word.partition("=") for word in words)]
