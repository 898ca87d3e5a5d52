"""Which networks a run has, by role, and where each one's weights come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, OmegaConf

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.distillers.distiller import Distiller, Kind
from unix_exp.models.published import filled_elsewhere
from unix_exp.models.smaller import Shrink
from unix_exp.ranges import Count, check_value, parameters_of
from unix_exp.registry import check_settings, distillers, samplers
from unix_exp.run import components
from unix_exp.run.classifiers import for_other_classes, fresh_classifier, frozen_dict, published_classes
from unix_exp.run.extending import asking
from unix_exp.run.folder import RunFolder
from unix_exp.run.sources import (
    AUTO,
    Average,
    Fresh,
    FromFile,
    FromStore,
    Published,
    Source,
    checkpoint_path,
    hash_of,
    identity_of_file,
)
from unix_exp.types import Mistake
from unix_exp.words import nearest

STUDENT, TEACHER = "student", "teacher"
AVERAGE = "average"
LESS: Mapping[str, Any] = dict(zip(config.LESS, (Count, Shrink), strict=True))  # what their values may be
DECAY = 0.999  # of an average, where nothing else is chosen


def setting_of(role: str) -> str:
    """Where the configuration chooses a network."""
    return role if role in (STUDENT, TEACHER) else f"networks.{role}"


class Network(NamedTuple):
    """One of a run's networks, not yet built."""

    role: str
    kind: Kind
    settings: Settings
    source: Source
    seed: int
    note: str | None = None  # a message about its classifier, where that is drawn afresh

    @property
    def name(self) -> str:
        return config.network_name(self.settings)

    def build(self, classes: int) -> torch.nn.Module:
        with filled_elsewhere() if isinstance(self.source, (FromFile, FromStore)) else nullcontext():
            return components.network(self.settings, self.role, classes, self.seed)


def networks_of(whole: DictConfig, settings: Settings, fingerprint: str, classes: int) -> tuple[Network, ...]:
    """The student, and what the method and its sampler declare beside it."""
    student = settings[STUDENT]
    if "sampler" in student:
        raise Mistake("student.sampler is no setting of a student; choose sampler=NAME")
    if "shrink" in student:
        raise Mistake("student.shrink is no setting of a student; teacher.shrink shows its teacher smaller images")
    if "exit" in student:
        raise Mistake("student.exit is no setting of a student; teacher.exit asks its teacher after fewer stages")
    for key in (set(config.OF_WEIGHTS) - {"checkpoint"}) & set(student):
        raise Mistake(f"student.{key} is no setting of a student; its first weights are drawn from the run's seed=N")
    first = Network(
        STUDENT, "trained", student, of_student(student), settings["seed"], fresh_classifier(STUDENT, student, classes)
    )
    declared = declared_roles(settings)
    if unused := set(settings.get("networks") or {}) - set(declared):
        role = min(unused)
        raise Mistake(f"networks.{role}: this method uses no such network; {nearest(role, declared)}")
    seeds = seeds_of(settings, declared)
    others = [one_of(whole, settings, role, kind, seeds[role], fingerprint, classes) for role, kind in declared.items()]
    return (first, *others)


def seeds_of(settings: Settings, declared: Mapping[str, Kind]) -> dict[str, int]:
    """By role, the seed of a network's first weights; those that are trained begin apart, from each other too."""
    seeds = dict.fromkeys(declared, settings["seed"] + 1)
    trained = [role for role, kind in declared.items() if kind == "trained"]
    return seeds | {role: settings["seed"] + number for number, role in enumerate(trained, start=1)}


def declared_roles(settings: Settings) -> dict[str, Kind]:
    roles, sampler = roles_of_method(settings), samplers[settings["sampler"]["name"]]
    looked_at = (role for role in getattr(sampler, "networks", ()) if role not in roles)
    return roles | dict.fromkeys(looked_at, "frozen")


def roles_of_method(settings: Settings) -> dict[str, Kind]:
    """Without those that the sampler alone looks at."""
    method = distillers[settings["distiller"]["name"]]
    return dict(getattr(method, "networks", Distiller.networks)) | further_roles(settings)


def further_roles(settings: Settings) -> dict[str, Kind]:
    """What the settings of a method add; they are checked first, as they may say how many."""
    chosen = settings["distiller"]
    method = distillers[chosen["name"]]
    if (ask := getattr(method, "further", None)) is None:
        return {}
    own = config.without(chosen, "name")
    check_settings(method, chosen["name"], own, distillers.supplied, role=distillers.kind)
    return dict(ask({name: one.default for name, one in parameters_of(method).items()} | own))


def not_chosen(settings: Settings, role: str) -> Settings:
    """A network that the configuration leaves open: the student's own architecture, or the teacher's once more."""
    further = list(further_roles(settings))
    if role not in further or getattr(distillers[settings["distiller"]["name"]], "like", STUDENT) != TEACHER:
        return config.without(settings[STUDENT], "checkpoint")
    teacher = settings.get(TEACHER) or {}
    seed = teacher.get("seed", 0) + 1 + further.index(role)
    alike = {key: teacher[key] for key in config.LESS if teacher.get(key) is not None}
    return config.without(teacher, *config.OF_WEIGHTS) | {"seed": seed} | alike


def chosen_for(settings: Settings, role: str) -> Settings:
    """The network that the configuration chooses for a role."""
    if role in (STUDENT, TEACHER):
        chosen: Settings = settings.get(role) or {}
    else:
        chosen = (settings.get("networks") or {}).get(role) or {}
        if "name" not in chosen:
            chosen = not_chosen(settings, role) | chosen
    if "name" not in chosen:
        choice = role if role in (STUDENT, TEACHER) else f"+model@networks.{role}"
        raise Mistake(f"distiller '{settings['distiller']['name']}' needs a {role}; choose one with {choice}=NAME")
    return chosen


def one_of(
    whole: DictConfig, settings: Settings, role: str, kind: Kind, seed: int, fingerprint: str, classes: int
) -> Network:
    chosen = chosen_for(settings, role)
    if "sampler" in chosen and (role == TEACHER or kind == "trained"):
        other = "choose sampler@teacher_sampler=NAME" if role == TEACHER else "it is trained with the student"
        raise Mistake(f"{setting_of(role)}.sampler is no setting of this network; {other}")
    check_cheaper(role, kind, chosen)
    seed = chosen.get("seed", seed)
    if kind == "trained":
        return Network(role, kind, chosen, of_student(chosen, role), seed, fresh_classifier(role, chosen, classes))
    return Network(role, kind, chosen, of_frozen(whole, settings, role, chosen, fingerprint, classes), seed)


def check_cheaper(role: str, kind: Kind, chosen: Settings) -> None:
    """Asking for less is for a network that never changes: what learns sees what the student sees, and is whole."""
    for key, fitting in LESS.items():
        if (value := chosen.get(key)) is None:
            continue
        name = f"{setting_of(role)}.{key}"
        check_value(name, value, fitting)
        if kind == "trained" or chosen.get("checkpoint") == AVERAGE:
            raise Mistake(f"{name} is for a network that training does not change, and this one learns; leave it out")


def of_student(chosen: Settings, role: str = STUDENT) -> Source:
    """Of a network that this run trains: fresh weights, or a file's to begin from."""
    given = chosen.get("checkpoint")
    if given is None or (given == AUTO and role != STUDENT):
        return Fresh()
    if not isinstance(given, str) or given in (AUTO, AVERAGE):
        raise Mistake(
            f"{setting_of(role)}.checkpoint is {given!r}; give the path of a checkpoint to begin from, or null"
        )
    path = checkpoint_path(given, setting_of(role))
    content = hash_of(path, setting_of(role))
    return FromFile(content, path, content, setting_of(role), fresh_classifier=True)


def of_frozen(
    whole: DictConfig, settings: Settings, role: str, chosen: Settings, fingerprint: str, classes: int
) -> Source:
    given = chosen.get("checkpoint", AUTO)
    own = config.without(chosen, "pace", *config.OF_WEIGHTS)
    if not isinstance(given, str):
        raise Mistake(f"{setting_of(role)}.checkpoint is {given!r}; give auto or the path of a checkpoint")
    if chosen.get("teacher") and given != AUTO:
        name = setting_of(role)
        raise Mistake(f"{name}.teacher teaches a {role} that is made here; leave it out, or {name}.checkpoint={given}")
    if given == AVERAGE:
        decay = chosen.get("decay")
        return average_of_student(settings, role, own, DECAY if decay is None else decay)
    if chosen.get("decay") is not None:
        name = setting_of(role)
        raise Mistake(f"{name}.decay is for {name}.checkpoint=average alone; leave it out")
    if given == AUTO:
        untaught = not chosen.get("teacher")
        if untaught and chosen.get("pretrained") and published_classes(chosen) in (None, classes):
            return Published(config.identity(own))
        return from_store(whole, role, chosen, fingerprint, classes)
    path = checkpoint_path(given, setting_of(role))
    content = hash_of(path, setting_of(role))
    if for_other_classes(path, str(path.stat().st_mtime_ns), frozen_dict(chosen), role, classes):
        return from_store(whole, role, chosen, fingerprint, classes, path)
    return FromFile(identity_of_file(content, own), path, content, setting_of(role))


def average_of_student(settings: Settings, role: str, own: Settings, decay: Any) -> Average:
    if own != config.without(settings[STUDENT], "pace", *config.OF_WEIGHTS):
        raise Mistake(
            f"{setting_of(role)}.checkpoint=average needs the student's own architecture; choose the same for both"
        )
    if isinstance(decay, bool) or not isinstance(decay, (int, float)) or not 0 <= decay < 1:
        raise Mistake(f"{setting_of(role)}.decay is {decay!r}; choose a number from 0 on, below 1")
    return Average(config.identity({"average_of": STUDENT, "decay": decay}), float(decay))


def from_store(
    whole: DictConfig, role: str, chosen: Settings, fingerprint: str, classes: int, begins_from: Path | None = None
) -> FromStore:
    """The run that trains this network here, starting from given weights where there are some.

    Its own networks are found as every run's are, so that a teacher may have been taught by another one.
    """
    recipe, made = run_that_makes(whole, role, chosen, None if begins_from is None else str(begins_from))
    if (name := asking(made)) is not None:
        raise Mistake(
            f"criterion '{name}' makes what it trains larger, so the {role} that it would train is no "
            f"{config.network_name(chosen)}; choose another criterion, or a {role} that no other network teaches"
        )
    identity = config.identity(determining(made, fingerprint, networks_of(recipe, made, fingerprint, classes)))
    return FromStore(identity, RunFolder.of(made, identity), recipe)


MADE: dict[str, tuple[DictConfig, Settings]] = {}
OF_THE_STUDENT = ("student", "seed", "method", "answers", "fail_fast")  # what no run that makes a network takes over
OF_ITS_METHOD = ("distiller", "sampler", "criterion", "recipe", "networks")  # taken over by one that is taught alone


def run_that_makes(
    whole: DictConfig, role: str, chosen: Settings, begins_from: str | None
) -> tuple[DictConfig, Settings]:
    """Its configuration, as it is and resolved; made once for the runs that share it, which may be thousands."""
    kept = config.without(config.raw(whole), *OF_THE_STUDENT, *(() if chosen.get("teacher") else OF_ITS_METHOD))
    key = json.dumps([kept, role, chosen, begins_from], sort_keys=True, default=str)
    if key not in MADE:
        asked = whole.copy()
        OmegaConf.set_struct(asked, False)
        if role != TEACHER:
            asked.teacher = {"seed": whole.teacher.get("seed", 0), **chosen}  # none that a student begins with
            if "sampler" in chosen:  # the images that it is trained on
                asked.teacher_sampler = chosen["sampler"]
        recipe = config.of_teacher(asked)
        if begins_from is not None:
            recipe.student.checkpoint = begins_from
        MADE[key] = recipe, config.resolve(recipe)
    return MADE[key]


def determining(settings: Settings, fingerprint: str, networks: tuple[Network, ...]) -> Settings:
    """What a run's result depends on; the teacher's key is older than the others', and stays what it was."""
    by_role = {network.role: network for network in networks}
    teacher = identity_of_teacher(by_role[TEACHER]) if TEACHER in by_role else None
    found = config.what_determines(settings, fingerprint, teacher)
    if isinstance(source := by_role[STUDENT].source, FromFile):
        found["student"]["weights"] = source.content
    others = {
        role: {
            **architecture(one),
            **config.asked_for_less(one.settings),
            "weights": one.source.identity,
            "seed": one.seed,
        }
        for role, one in by_role.items()
        if role not in (STUDENT, TEACHER)
    }
    return found | ({"networks": others} if others else {})


def identity_of_teacher(teacher: Network) -> str | None:
    """Of a frozen teacher its weights say all; one that is trained here begins from an architecture and a seed."""
    if teacher.kind == "frozen":
        return teacher.source.identity
    return config.identity({**architecture(teacher), "weights": teacher.source.identity, "seed": teacher.seed})


def architecture(network: Network) -> Settings:
    """A network's settings without those that say where its weights come from, which has an identity of its own."""
    return config.without(network.settings, "pace", *config.OF_WEIGHTS)
