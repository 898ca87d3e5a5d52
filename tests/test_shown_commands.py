"""Commands that the README and the pages show are commands: every choice and setting in them exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra.errors import MissingConfigException
from plugged import forgotten_afterwards

from unix_exp import config
from unix_exp.config import compose
from unix_exp.sweeps import grid

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/research.md", "docs/weights.md")
TRAIN = "python -m unix_exp.train "
WITHOUT_TRAINING = ("--help", "--cfg")


def commands(page: str) -> list[str]:
    """The lines of training in a page, those that go on behind a backslash joined, without comments."""
    text = re.sub(r"\\\n\s*", "", (ROOT / page).read_text())
    lines = [line.strip().removeprefix("$ ").split("  #")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith(TRAIN) and "..." not in line]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files that the pages show: `NAME` on a line, then its text."""
    page = (ROOT / "docs/research.md").read_text()
    shown = re.findall(r"^`([\w/.]+)`\n```\w+\n(.*?)```", page, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in shown] == ["certain.py", "sweep/kept.yaml"]
    for name, text in shown:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    with forgotten_afterwards():
        yield tmp_path


def first_job(words: list[str]) -> tuple[str, ...]:
    """Of what a command runs; its sweeps' own jobs are composed elsewhere."""
    sweep = next((word.removeprefix("sweep=") for word in words if word.startswith("sweep=")), None)
    others = [word for word in words if not word.startswith("sweep=")]
    return (grid.jobs(grid.read(sweep, compose.folders(words, Path())), others) if sweep else grid.expanded(others))[0]


def test_every_training_that_a_page_shows_composes(here: Path) -> None:
    shown = dict.fromkeys(line for page in PAGES for line in commands(page))
    assert len(shown) > 12
    compose.prepare(["plugins=certain.py"], Path())
    with compose.hydra_ready(Path()):
        for line in shown:
            words = [word for word in shlex.split(line)[3:] if word not in ("-m", "--config-dir", ".")]
            if flags := [at for at, word in enumerate(words) if word in WITHOUT_TRAINING]:
                words = words[: flags[0]]
            if "sampler.kk=48" in words:  # the mistake that is shown
                continue
            assert config.resolve(compose.composed(first_job(words)))["student"]["name"], line


def test_a_command_with_a_choice_that_is_not_there_is_found(here: Path) -> None:
    with compose.hydra_ready(), pytest.raises(MissingConfigException, match="nowhere"):
        compose.composed(("sampler=nowhere",))
