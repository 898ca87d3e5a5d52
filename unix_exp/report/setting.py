"""The setting of a run, and where it departs from the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unix_exp import config, paper
from unix_exp.config import optimiser
from unix_exp.report.runs import Run
from unix_exp.run.record import TRAINED_HERE
from unix_exp.words import counted

LAST = "the last"


@dataclass(frozen=True)
class Setting:
    """What all runs of a table share, so that they can be compared: images, schedule and arithmetic."""

    dataset: str
    details: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, run: Run) -> Setting:
        settings = run.settings
        data = config.without(config.completed("dataset", settings), *config.PLACES, "name")
        details = {
            **schedule(settings["recipe"]),
            **data,
            "epoch": "chosen on validation images" if run.chose_on_validation else LAST,
            "fingerprint": run.result.get("fingerprint"),
            **run.precisions,
        }
        return cls(run.result["dataset"], tuple((key, plain(value)) for key, value in details.items()))

    @property
    def title(self) -> str:
        details = dict(self.details)
        return f"{self.dataset}, {counted(details['epochs'], 'epoch')}, batch {details['batch']}"

    def differences(self, printed: Mapping[str, Any]) -> list[str]:
        """From the setting of a table of the paper, in words."""
        theirs = {
            **recipe_of_paper(printed["dataset"]),
            "precision": "float32", "augment": True, "flip": True, "epoch": LAST,
        }  # fmt: skip
        ours = dict(self.details)
        expected = printed["dataset"]
        found = [f"dataset {self.dataset} instead of {expected}"] if self.dataset != expected else []
        found += [
            f"{name} {in_words(ours.get(name))} instead of {in_words(value)}"
            for name, value in theirs.items()
            if ours.get(name, plain(value)) != plain(value)
        ]
        others = {"teacher_precision": "the teacher", "scout_precision": "scouting"}
        found += [f"{part} in {ours[name]}" for name, part in others.items() if name in ours]
        less = {"exit": "the teacher asked after stage {}", "shrink": "the teacher's images of {} of their side"}
        return found + [
            said.format(ours[f"teacher_{name}"]) for name, said in less.items() if f"teacher_{name}" in ours
        ]

    def differences_from(self, other: Setting) -> list[str]:
        """Where two settings of ours differ, in words."""
        theirs = dict(other.details)
        return [
            f"{name} {in_words(value)}"
            for name, value in self.details
            if theirs.get(name) != value and name != "fingerprint"
        ]


@dataclass(frozen=True)
class Terms:
    """What the runs of one column share beside the table's setting: teacher and learning rate."""

    teacher: str
    lr: float

    @classmethod
    def of(cls, run: Run) -> Terms:
        teacher = run.result["teacher"]
        assert teacher is not None, "every row of the paper's tables has a teacher"
        return cls(teacher["identity"], run.settings["recipe"]["lr"])


def deviations(run: Run, dataset: str) -> list[str]:
    """Where a column departs from the paper: the student's learning rate, and how a teacher trained here was made."""
    theirs = paper.published()["recipes"][dataset]
    found = []
    lr, usual = run.settings["recipe"]["lr"], theirs["lr"].get(run.settings["student"].get("pace", "full"))
    if lr != usual:
        found.append(f"lr {in_words(lr)} instead of {in_words(usual)}")
    teacher, made = run.result["teacher"], run.settings.get("teacher_recipe")
    if teacher is not None and teacher.get("source") == TRAINED_HERE and isinstance(made, dict):
        ours, usual = schedule(made), recipe_of_paper(dataset)
        found += [
            f"its teacher's {name} {in_words(ours.get(name))} instead of {in_words(value)}"
            for name, value in usual.items()
            if plain(ours.get(name, value)) != plain(value)
        ]
    return found


def recipe_of_paper(dataset: str) -> dict[str, Any]:
    """Without its learning rate; what is a setting now and was none then is as it was."""
    printed: dict[str, Any] = config.without(paper.published()["recipes"][dataset], "lr")
    return {**config.LATER["recipe"], "optimiser": optimiser.usual(), **printed}


def schedule(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe without its learning rate, milestones in epochs."""
    found = config.without(config.whole_recipe(recipe), "lr", "evaluate_every")
    epochs = found["epochs"]
    if isinstance(found.get("milestones"), list):
        found["milestones"] = [round(one * epochs) if one < 1 else one for one in found["milestones"]]
    if found.get("schedule") == "cosine":  # reads neither of these
        found.pop("milestones", None)
        found.pop("gamma", None)
    return found


def plain(value: Any) -> Any:
    """A value that can be compared and hashed; 4 and 4.0 are equal."""
    value = config.alike(value)
    return str(value) if isinstance(value, (list, dict, float)) else value


def in_words(value: Any) -> str:
    return "nothing" if value is None else str(config.alike(value)).strip("[]")
