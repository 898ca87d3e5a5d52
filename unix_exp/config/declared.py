"""What the settings beside those of components mean; a component's are declared by its constructor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from unix_exp.ranges import Count, Range, Seed


@dataclass(frozen=True)
class OfNetwork:
    """Settings of every network, whatever its architecture."""

    pace: Annotated[Literal["full", "light"], "which of its learning rates a recipe gives the network"] = "full"


@dataclass(frozen=True)
class OfWeights:
    """Where the weights of a network that is asked come from."""

    checkpoint: Annotated[
        str | None,
        "a file (.pth, .safetensors) or a run's folder with its weights; null: fresh ones; of a network that is asked: "
        "auto: from the store, trained first where it is not there; average: a moving average of the student",
    ] = None
    seed: Annotated[Seed, "of a network that is trained for this run: what its first weights are drawn from"] = 0
    decay: Annotated[
        float | None, Range(0, 1, below=True), "of checkpoint=average: what is kept of it in a step; null: 0.999"
    ] = None
    sampler: Annotated[
        dict[str, object] | None, "the images that it is trained on, of a network that a sampler alone looks at"
    ] = None
    teacher: Annotated[dict[str, object] | None, "a teacher of its own, which it learned from"] = None
    exit: Annotated[
        Count | None, "it stops after this stage, and a layer that is fitted to its own answers answers; null: whole"
    ] = None
    shrink: Annotated[
        float | None, Range(0.5, 1), "it is shown images of this share of their side; null: of their own size"
    ] = None


@dataclass(frozen=True)
class OfStudentsWeights:
    """Where those of the network that is trained come from."""

    checkpoint: Annotated[
        str | None,
        "a file (.pth, .safetensors) or a run's folder with the weights that it begins from; null: fresh ones",
    ] = None


@dataclass(frozen=True)
class OfRun:
    """Settings that are in no group."""

    seed: Annotated[
        Seed, "of all that is drawn: the student's first weights, the order of images, crops, what is kept"
    ] = 0
    method: Annotated[str | None, "a name for logs and tables; null: one made of the method's parts"] = None
    plugins: Annotated[list[str], "files or modules of your own with components: plugins=my.py"] = ()  # type: ignore[assignment]
    runs: Annotated[str, "the folder of every run's folder"] = "runs"
    teachers: Annotated[str, "the store of trained teachers"] = "teachers"
    fail_fast: Annotated[bool, "once a run of a sweep has failed, no other one begins"] = False
