"""Where a teacher's weights come from: a file, the project's own store, or the publisher of its architecture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig
from torch import nn

from unix_exp import config
from unix_exp.checkpoint import content_hash, load_weights, write_whole
from unix_exp.config import Settings
from unix_exp.evaluate import evaluate
from unix_exp.folder import RunFolder
from unix_exp.runtime import Runtime
from unix_exp.types import Dataset, Mistake, Watch


@dataclass(frozen=True)
class Source:
    """A teacher's weights before they are there."""

    identity: str  # what determines them; part of the identity of every run that uses them
    weights: Path | None = None  # None: the network came with its weights
    recipe: DictConfig | None = None  # the run that makes them, where the store lacks them

    @property
    def missing(self) -> bool:
        return self.recipe is not None and RunFolder(self.weights.parent).result() is None  # type: ignore[union-attr]


def source(whole: DictConfig, settings: Settings, fingerprint: str) -> Source:
    teacher = settings["teacher"]
    checkpoint = teacher.get("checkpoint")
    if not isinstance(checkpoint, str):
        raise Mistake(f"teacher.checkpoint is {checkpoint!r}; give auto or the path of a checkpoint")
    if checkpoint != "auto":
        path = Path(checkpoint).expanduser()
        if not path.is_file():
            raise Mistake(f"teacher.checkpoint {path} does not exist; give auto or the path of a checkpoint")
        try:
            return Source(content_hash(path), weights=path)
        except OSError as error:
            raise Mistake(f"teacher.checkpoint {path} cannot be read: {error.strerror}") from None
    if teacher.get("pretrained"):
        return Source("pretrained-" + config.identity(config.without(teacher, "pace", "seed")))
    recipe = config.of_teacher(whole)
    made = config.resolve(recipe)
    identity = config.identity(config.what_determines(made, fingerprint, None))
    return Source(identity, run_path(made, identity) / "student.safetensors", recipe)


def run_path(settings: Settings, identity: str) -> Path:
    """Where a run lies: named by pair and method for people, by its identity for the program."""
    name = f"{config.pair_name(settings)}-{settings['dataset']['name']}-{config.method_name(settings)}".replace(
        "/", "-"
    )
    return Path(settings["runs"]).expanduser() / f"{name}-s{settings['seed']}-{identity}"


def fill(teacher: nn.Module, source: Source, name: str, classes: int) -> None:
    """Give a network its teacher's weights."""
    if source.weights is not None:
        load_weights(teacher, source.weights, name)
    elif getattr(teacher, "pretrained_classes", classes) != classes:
        raise Mistake(
            f"teacher '{name}' was pretrained for {teacher.pretrained_classes} classes and the dataset has {classes}; "
            "give teacher.checkpoint=PATH, or teacher.pretrained=false to train it here first"
        )


def accuracy(
    teacher: nn.Module, source: Source, data: Dataset, settings: Settings, runtime: Runtime, watch: Watch
) -> dict[str, float]:
    """Top-1 and top-5 on this test set; measured once for the same weights, images and precision, then remembered."""
    key = config.identity({"teacher": source.identity, "data": data.fingerprint(), "precision": runtime.precision})
    remembered = Path(settings["teachers"]).expanduser() / "accuracy" / f"{key}.json"
    try:
        return json.loads(remembered.read_text())
    except (OSError, ValueError):
        measured = evaluate(teacher, data, settings["recipe"]["batch"], runtime, watch)
        found = {name.removeprefix("test/"): value for name, value in measured.items()}
        remembered.parent.mkdir(parents=True, exist_ok=True)
        write_whole(remembered, lambda part: part.write_text(json.dumps(found)))
        return found
