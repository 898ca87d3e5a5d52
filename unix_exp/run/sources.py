"""Where a teacher's weights come from: a file, the project's own store, or the publisher of its architecture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from omegaconf import DictConfig
from safetensors.torch import save
from torch import Tensor, nn

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.engine.evaluate import evaluate
from unix_exp.engine.runtime import Runtime
from unix_exp.run.checkpoint import content_hash, load_weights, read_state, write_whole
from unix_exp.run.folder import RunFolder
from unix_exp.types import Dataset, Mistake, Watch


@dataclass(frozen=True)
class FromFile:
    """Somebody's checkpoint."""

    identity: str  # what determines the teacher; part of the identity of every run that learns from it
    path: Path

    def fill(self, teacher: nn.Module, name: str, classes: int) -> None:
        load_weights(teacher, self.path, name)


@dataclass(frozen=True)
class FromStore:
    """A run of this project; it may be still to do."""

    identity: str
    folder: RunFolder
    recipe: DictConfig  # the run that makes it

    def there(self) -> bool:
        """Asked anew each time: another process may be at it."""
        return self.folder.result() is not None and self.folder.weights.exists()

    def fill(self, teacher: nn.Module, name: str, classes: int) -> None:
        load_weights(teacher, self.folder.weights, name)


@dataclass(frozen=True)
class Published:
    """Weights that came with the architecture."""

    identity: str

    def fill(self, teacher: nn.Module, name: str, classes: int) -> None:
        theirs = getattr(teacher, "pretrained_classes", None)
        if theirs != classes:
            raise Mistake(
                f"teacher '{name}' was pretrained for {theirs} classes and the dataset has {classes}; "
                "give teacher.checkpoint=PATH, or teacher.pretrained=false to train it here first"
            )


Source: TypeAlias = FromFile | FromStore | Published


def source(whole: DictConfig, settings: Settings, fingerprint: str) -> Source:
    teacher = settings["teacher"]
    checkpoint, network = teacher.get("checkpoint"), config.without(teacher, "checkpoint", "pace", "seed")
    if not isinstance(checkpoint, str):
        raise Mistake(f"teacher.checkpoint is {checkpoint!r}; give auto or the path of a checkpoint")
    if checkpoint != "auto":
        path = Path(checkpoint).expanduser()
        if not path.is_file():
            raise Mistake(f"teacher.checkpoint {path} does not exist; give auto or the path of a checkpoint")
        try:
            return FromFile(config.identity({"content": content_hash(path), **network}), path)
        except OSError as error:
            raise Mistake(f"teacher.checkpoint {path} cannot be read: {error.strerror}") from None
    if teacher.get("pretrained"):
        return Published(config.identity(network))
    recipe = config.of_teacher(whole)
    made = config.resolve(recipe)
    identity = config.identity(config.what_determines(made, fingerprint, None))
    return FromStore(identity, RunFolder.of(made, identity), recipe)


class Measured(NamedTuple):
    """A teacher on a test set."""

    top1: float
    top5: float
    centres: Tensor | None  # [C, D], where each class lies; read only where a run is analysed


def measure(
    teacher: nn.Module,
    source: Source,
    data: Dataset,
    settings: Settings,
    runtime: Runtime,
    watch: Watch,
    arithmetic: str = "float32",
) -> Measured:
    """Measured once for the same weights, images and arithmetic, then remembered."""
    images = config.what_determines(settings, data.fingerprint(), None)["dataset"]
    key = config.identity({"teacher": source.identity, "dataset": images, "precision": arithmetic})
    accuracy = Path(settings["teachers"]).expanduser() / ".accuracy" / f"{key}.json"
    centres = accuracy.with_suffix(".safetensors")
    try:
        found = json.loads(accuracy.read_text())
        where = read_state(centres)["centres"] if runtime.analysis else None
        return Measured(float(found["top1"]), float(found["top5"]), where)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not whole
    fresh = evaluate(teacher, data, settings["recipe"]["batch"], runtime, watch)
    try:
        accuracy.parent.mkdir(parents=True, exist_ok=True)
        write_whole(centres, lambda part: part.write_bytes(save({"centres": fresh.centres.cpu()})))
        write_whole(accuracy, lambda part: part.write_text(json.dumps({"top1": fresh.top1, "top5": fresh.top5})))
    except OSError:
        pass  # a store that can't be written to only costs the next run this measurement
    return Measured(fresh.top1, fresh.top5, fresh.centres)
