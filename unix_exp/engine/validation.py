"""Validation images: the epoch that is best on them is chosen, and its weights are tested when all is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from unix_exp.engine.alike import all_alike
from unix_exp.engine.evaluate import Evaluation, Tested, evaluate
from unix_exp.types import Dataset, Watch

if TYPE_CHECKING:
    from unix_exp.engine.loop import Training


class Validation:
    """The validation images of a data set, in the place of its test images."""

    def __init__(self, data: Any) -> None:
        self.classes, self.size = data.classes, data.size
        self.test_count, self.test_batches = data.val_count, data.val_batches


def val_count(data: Dataset) -> int:
    """How many images the epoch is chosen on; 0: the last epoch is what the run ends with."""
    return getattr(data, "val_count", 0)


def judged_on(data: Dataset) -> str:
    """What the epochs of a run are evaluated on, as records call it."""
    return "val" if val_count(data) else "test"


def judges(data: Dataset) -> Tested:
    return Validation(data) if val_count(data) else data


def weights_of(student: nn.Module) -> dict[str, Tensor]:
    """A copy on the host, which training goes on beside."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in student.state_dict().items()}


def check_kept(kept: dict[str, Tensor], run: Training) -> None:
    """They are used when the training is over, so what would fail then is found when they are read."""
    expected = run.method.student.state_dict() if val_count(run.data) and run.progress.best else {}
    if not all_alike(kept, expected):
        raise ValueError("the weights of its best epoch are not the student's")


def tested(run: Training, watch: Watch) -> Evaluation | None:
    """The student takes the weights that were kept, and sees the test images for the first time.

    None without validation images, where the last epoch has seen them. Only one process comes here.
    """
    if not val_count(run.data):
        return None
    run.method.student.load_state_dict(run.kept)
    return evaluate(run.method.student, run.data, run.stages[0].recipe.batch, run.runtime, watch)
