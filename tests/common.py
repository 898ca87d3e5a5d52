"""What the tests share: a place of their own, tiny commands, and what they print."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from browser import chromium
from filelock import FileLock
from starter import Starter, starter
from torch import Tensor, nn
from words import MIRRORED, SHORT, SIDE, TINY

import unix_exp
from unix_exp import train as entry
from unix_exp.models import published
from unix_exp.sinks import wandb as sink
from unix_exp.types import Output

torch.set_num_threads(1)  # networks and batches this small lose more by sharing than they gain

OURS = Path(unix_exp.__file__).parents[1]
__all__ = ["SHORT", "SIDE"]  # which tests take from here, too


@pytest.fixture(autouse=True)
def publishers_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests give published weights themselves, on machines without a network too."""
    monkeypatch.setattr(published, "reachable", lambda url: True)


@pytest.fixture(autouse=True)
def nothing_is_left_in_the_checkout() -> Iterator[None]:
    """A test that trains does so in a folder of its own."""
    root = Path(__file__).parent.parent
    folders = [root / name for name in ("runs", "teachers", "report")]
    before = [set(folder.iterdir()) if folder.is_dir() else set() for folder in folders]
    yield
    for folder, there in zip(folders, before, strict=True):
        left = (set(folder.iterdir()) if folder.is_dir() else set()) - there
        assert not left or Path.cwd() != root, f"{min(left)} was made in the checkout"


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Command = Callable[..., Said]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Type `unix-exp WORDS` in an empty folder; returns the exit code and what was printed."""
    monkeypatch.chdir(tmp_path)

    def type_it(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["unix-exp", *words])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        return Said(int(ended.value.code or 0), *capfd.readouterr())

    return type_it


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[[Callable[[], None]], Command]:
    """In an empty folder: from a command's main to typing its words."""
    monkeypatch.chdir(tmp_path)

    def typing(main: Callable[[], None]) -> Command:
        def type_it(*words: str) -> Said:
            monkeypatch.setattr(sys, "argv", ["command", *words])
            code = 0
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
            return Said(code, *capfd.readouterr())

        return type_it

    return typing


@pytest.fixture
def tiny(command: Command) -> Command:
    """A run of seconds, with changes."""
    return lambda *words: command(*TINY, *words)


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has never heard of W&B."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sink.SAID.clear()


@pytest.fixture(scope="session")
def train(request: pytest.FixtureRequest) -> Iterator[Starter]:
    """Training commands that are forks of one process, which has imported PyTorch and trained before."""
    shared = getattr(request.config, "workerinput", {}).get("starter")
    with nullcontext(Starter(Path(shared))) if shared else starter(OURS) as made:
        yield made


@pytest.fixture
def forked(train: Starter, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The python by which each `-m MODULE` that a test, or what it tests, starts is a fork of that process, too."""
    monkeypatch.setattr(sys, "executable", str(train.python))
    monkeypatch.setattr("multiprocessing.spawn._python_exe", os.fsencode(train.python))
    return train.python


def store_of(factory: pytest.TempPathFactory, name: str, *words: str) -> Path:
    """Where a run's teacher is trained, and measured; made once for all processes."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{place}.lock"):
        if not place.exists():
            part = place.with_suffix(".part")
            for _ in unix_exp.fit(*words, f"runs={part}/runs", f"teachers={part}/teachers"):
                pass
            part.rename(place)
    return place / "teachers"


@pytest.fixture(scope="session")
def store_of_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Also that of the short runs, whose teacher is the same."""
    return store_of(tmp_path_factory, "tiny", *TINY)


@pytest.fixture
def taught(store_of_tiny: Path, tmp_path: Path) -> None:
    """The teacher of tiny runs lies in their store, in tests that look at what the student makes of it."""
    shutil.copytree(store_of_tiny, tmp_path / "teachers")


@pytest.fixture
def finished(taught: None, store_of_tiny: Path, tmp_path: Path) -> None:
    """What `tiny()` leaves behind."""
    shutil.copytree(store_of_tiny.parent / "runs", tmp_path / "runs")


@pytest.fixture(scope="session")
def offline_run(train: Starter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of three epochs, beside it the teacher's, mirrored offline by a process of its own."""
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mirrored"  # made once for all processes
    with FileLock(f"{place}.lock"):
        if not place.exists():
            (place / "home").mkdir(parents=True)
            given = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
            own = {"HOME": str(place / "home"), "NETRC": str(place / "netrc"), "OMP_NUM_THREADS": "1"}
            words = (*MIRRORED, "recipe.epochs=3", "recipe.evaluate_every=2", "logger.tags=[first,second]")
            subprocess.run([train.python, "-m", "unix_exp.train", *words], cwd=place, env=given | own, check=True)
    return only(place / "runs")


@pytest.fixture(scope="session")
def exported_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with all its exports; see exported.py."""
    from exported import exported

    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "exported"  # made once for all processes
    with FileLock(f"{place}.lock"):
        if not (place / "done").exists():
            place.mkdir()
            exported(place)
            (place / "done").touch()
    return only(place / "runs")


@pytest.fixture
def copied(exported_run: Path, tmp_path: Path) -> Path:
    """The same, to be damaged."""
    return Path(shutil.copytree(exported_run, tmp_path / exported_run.name))


@pytest.fixture
def beside(exported_run: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """Type a command, given by its main, and its words, where runs/ of exported_run is."""
    from exported import typed_in

    def type_it(main: Any, *words: Any) -> Said:
        return Said(typed_in(exported_run.parent.parent, main, *map(str, words)), *capfd.readouterr())

    return type_it


@pytest.fixture(scope="session")
def one_browser() -> Iterator[Any]:
    """Chromium, or a skip."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def browser(one_browser: Any) -> Iterator[Any]:
    """The same, without the pages of other files."""
    yield one_browser
    for context in one_browser.contexts:
        context.close()


def only(folder: Path, pattern: str = "*") -> Path:
    """The one thing there."""
    found = [path for path in folder.glob(pattern) if not path.name.startswith(".")]
    assert len(found) == 1, found
    return found[0]


class Small(nn.Module):
    """As little as a network can be: the compiler's time grows with every layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.fc = nn.Conv2d(3, 4, 3, stride=4), nn.BatchNorm2d(4), nn.Linear(4, 10)

    def forward(self, images: Tensor) -> Output:
        stem = self.norm(self.stem(images)).relu()
        embedding = stem.mean((2, 3))
        return Output(self.fc(embedding), (stem, embedding), embedding)
