"""The shape of a run's records, declared once: result.json, and the lines of metrics.jsonl and analysis.jsonl.

Training writes them and reports read them. `check` compares a result with the declaration; a key of a class that says
`total=False` may be missing, as it is in records of earlier versions, but where it is present its value must fit.
"""

from __future__ import annotations

from typing import Any, TypedDict

from unix_exp.run.shapes import mismatch

TRAINED_HERE = "FromStore"  # the source of a teacher that a run of this project made
FILES = ("result.json", "metrics.jsonl", "config.yaml")  # a folder that holds any of them is a run's


class Accuracy(TypedDict):
    """Accuracy on the test set, in per cent."""

    top1: float
    top5: float


class Evaluation(Accuracy, total=False):
    epoch: int  # counted from 1
    agreement: float  # of how many test images the student's first guess is the teacher's


class ValidationDetails(Accuracy, total=False):
    agreement: float  # of how many validation images the student's first guess is the teacher's


class Validation(ValidationDetails):
    """The epoch that was chosen, by its accuracy on validation images; `last` and `best` are then its test accuracy."""

    epoch: int
    images: int  # how many there were


class TeacherDetails(Accuracy, total=False):
    source: str  # the class of run/sources.py that its weights came from
    asked: Accuracy  # as the method asks it: frozen, in a precision of its own, maybe about smaller images


class Teacher(TeacherDetails):
    """The teacher, and its accuracy in float32."""

    name: str
    identity: str


class StoredAnswers(TypedDict):
    """The stored answers that a run used; their making is part of its cost, whole, and not of its train_seconds."""

    store: str  # the key of the store
    views: int
    parts: list[str]
    bytes: int
    seconds: float  # that making these views took, whichever run made them


class Network(TypedDict, total=False):
    """One network beside the student."""

    name: str
    identity: str | None
    source: str | None
    hash: str | None  # of its weights
    exit: int  # the stage that it stops after, where it is not asked whole
    shrink: float  # the share of their side that images have which it is asked about, where it is not 1
    top1: float  # accuracy on the test set after the last epoch, of a network that was trained beside the student
    top5: float


class Gflops(TypedDict):
    """Compute of the whole training, in GFLOPs; other keys hold its parts."""

    total_gflops: float
    total_gflops_backward_2: float  # a backward pass priced at two forward passes


class OneOff(TypedDict):
    """A cost paid once and shared by several runs, such as training a teacher; never part of percent_of_kd."""

    gflops: float
    gflops_backward_2: float
    identity: str  # of what was paid for


class StageCost(TypedDict):
    """What one stage of a training took; other keys hold what a step of it costs."""

    name: str
    epochs: int
    steps: int


class CostDetails(TypedDict, total=False):
    gflops_per_image: dict[str, float]  # by network
    images_per_step: dict[str, float]
    gflops_by_part: dict[str, Any]
    once: dict[str, OneOff]  # by role
    stages: list[StageCost]
    against: str | None  # the schedule that percent_of_kd is compared with


class Cost(CostDetails):
    gflops: Gflops
    percent_of_kd: float | None  # null where there is no conventional distillation to compare with
    percent_of_kd_backward_2: float | None


class TimeDetails(TypedDict, total=False):
    images_per_second: float


class Time(TimeDetails):
    train_seconds: float  # without evaluation


class ResultDetails(TypedDict, total=False):
    val: Validation  # missing where there were no validation images
    test_per_class: list[float | None]  # the accuracy behind `last`, with validation images; null without test images
    teacher: Teacher | None
    fingerprint: str | None  # of the images
    images: str  # the hash of what is in their files; missing where the fingerprint says all
    plugins: dict[str, str]  # hash by name
    networks: dict[str, Network]  # by role
    answers: StoredAnswers  # missing where the teacher was asked live
    stages: list[Any]
    versions: dict[str, str | None]
    commit: str | None
    command: str | None
    runtime: dict[str, Any]
    finished: str
    settings: dict[str, Any] | None
    stretches: list[Any]  # by epochs, the commit, versions and threads that they ran under
    files: dict[str, str]  # by name, the hash of each file of records and of values per image
    check: str  # the hash of all the rest


class Finished(TypedDict):
    """What training itself reads of a finished run."""

    last: Evaluation
    best: Evaluation
    cost: Cost
    time: Time
    steps: int


class Result(ResultDetails, Finished):
    """result.json: the result of a finished run."""

    identity: str
    pair: str
    method: str
    seed: int
    dataset: str
    student: str
    hardware: str


# A line of metrics.jsonl. "train/<term>" and other keys beside these hold numbers as well.
Metrics = TypedDict(
    "Metrics",
    {
        "epoch": int,
        "train/loss": float,
        "train/lr": float,
        "test/top1": float,
        "test/top5": float,
        "test/agreement": float,
        "val/top1": float,  # these three in place of the three above, with validation images
        "val/top5": float,
        "val/agreement": float,
        "cost/total_gflops": float,  # spent until the end of this epoch
        "cost/total_gflops_backward_2": float,
        "cost/percent_of_kd": float,
        "cost/percent_of_kd_backward_2": float,
        "time/epoch_seconds": float,
        "time/train_seconds": float,
        "time/images_per_second": float,
    },
    total=False,
)


class ClassAccuracy(TypedDict, total=False):
    accuracy_per_class: list[float | None]  # null for a class without test images; missing in epochs not evaluated


class Analysis(ClassAccuracy):
    """A line of analysis.jsonl: what one epoch drew of each class, in the order of the classes."""

    epoch: int
    drawn_per_class: list[float]


class Named(TypedDict):
    name: str


class RecipeSettings(TypedDict):
    epochs: int
    batch: int
    lr: float


class RuntimeSettings(TypedDict, total=False):
    runtime: dict[str, Any]


class RunSettings(RuntimeSettings):
    """The settings that a report relies on."""

    student: Named
    dataset: Named
    distiller: Named
    sampler: Named
    recipe: RecipeSettings
    criterion: dict[str, Any]


def check(result: object) -> str | None:
    """What is wrong with a result, in words; None where nothing is."""
    if flaw := mismatch(result, Result, "the record"):
        return flaw
    assert isinstance(result, dict)
    if result.get("teacher") is None:
        return None
    # A run with a teacher always has a share of conventional distillation, which uses the same teacher.
    missing = [key for key in ("percent_of_kd", "percent_of_kd_backward_2") if result["cost"][key] is None]
    return f"{missing[0]} is missing" if missing else None


def check_finished(result: object) -> str | None:
    return mismatch(result, Finished, "the record")


def check_settings(settings: object) -> str | None:
    return mismatch(settings, RunSettings, "the settings")


def check_analysis(line: object) -> str | None:
    if flaw := mismatch(line, Analysis, "the line"):
        return flaw
    assert isinstance(line, dict)
    drawn, accuracy = len(line["drawn_per_class"]), len(line.get("accuracy_per_class", []))
    return f"{accuracy} accuracies for {drawn} classes" if accuracy not in (0, drawn) else None
