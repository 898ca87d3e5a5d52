"""Where a network's weights come from: a seed, a file, a run of this project, its publisher, the student's average."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from omegaconf import DictConfig
from torch import nn

from unix_exp import config
from unix_exp.config.paths import at_home
from unix_exp.run.checkpoint import begin_from, content_hash, load_weights
from unix_exp.run.folder import RunFolder
from unix_exp.types import Mistake

Say: TypeAlias = Callable[[str], None]

AUTO = "auto"  # from the store


@dataclass(frozen=True)
class Fresh:
    """Weights drawn from a seed."""

    identity: str | None = None

    def fill(self, network: nn.Module, name: str, say: Say) -> str | None:
        return None


@dataclass(frozen=True)
class FromFile:
    """A checkpoint file."""

    identity: str  # what determines the network; part of the identity of every run that uses it
    path: Path
    content: str
    role: str
    fresh_classifier: bool = False  # whether its classifier may be for other classes

    def fill(self, network: nn.Module, name: str, say: Say) -> str:
        if (now := content_hash(self.path)) != self.content:
            raise Mistake(f"{self.role}.checkpoint {self.path} was changed while this run began; start again")
        if self.fresh_classifier:
            begin_from(network, self.path, name, self.role, say)
        else:
            load_weights(network, self.path, name)
        return now


@dataclass(frozen=True)
class FromStore:
    """A run of this project, which may not have been made yet."""

    identity: str
    folder: RunFolder
    recipe: DictConfig  # the run that makes it

    def ready(self) -> bool:
        """Read anew in each call: another process may be making it."""
        return self.folder.result() is not None and self.folder.weights.is_file()

    def fill(self, network: nn.Module, name: str, say: Say) -> str:
        found, recorded = content_hash(self.folder.weights), (self.folder.result() or {}).get("weights")
        if recorded not in (None, found):
            raise Mistake(
                f"{self.folder.weights} is not the file that its run wrote; delete {self.folder.path} to train it again"
            )
        load_weights(network, self.folder.weights, name)
        return found


@dataclass(frozen=True)
class Published:
    """The publisher's weights, for the classes of the data."""

    identity: str

    def fill(self, network: nn.Module, name: str, say: Say) -> str | None:
        return None  # the network was built with them


@dataclass(frozen=True)
class Average:
    """A moving average of the student's weights, which begins as the student does."""

    identity: str
    decay: float

    def fill(self, network: nn.Module, name: str, say: Say) -> str | None:
        return None


Source: TypeAlias = Fresh | FromFile | FromStore | Published | Average


def file_of(source: Source) -> Path | None:
    """The file that holds the weights, where there is one."""
    if isinstance(source, FromFile):
        return source.path
    return source.folder.weights if isinstance(source, FromStore) else None


def checkpoint_path(given: str, role: str) -> Path:
    """The file that a setting names; of a run's folder, the student in it."""
    path = at_home(given)
    if path.is_dir() and (path / "student.safetensors").is_file():
        path = path / "student.safetensors"
    if path.is_dir():
        raise Mistake(
            f"{role}.checkpoint {path} is a folder without student.safetensors; give a finished run or a file"
        )
    if not path.is_file():
        also = "auto or " if role != "student" else ""
        raise Mistake(f"{role}.checkpoint {path} does not exist; give {also}the path of a checkpoint")
    return path


def hash_of(path: Path, role: str) -> str:
    try:
        return content_hash(path)
    except OSError as error:
        raise Mistake(f"{role}.checkpoint {path} cannot be read: {error.strerror}") from None


def identity_of_file(content: str, network: config.Settings) -> str:
    return config.identity({"content": content, **network})
