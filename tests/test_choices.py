"""What a command's choices mean: the name of a method, and how a missing teacher is trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import ClassVar

import pytest
import yaml
from common import TINY, Command, only
from hydra.core.config_store import ConfigStore

from unix_exp import config
from unix_exp.config import compose, unwritten
from unix_exp.config.choices import name_by_parts
from unix_exp.registry import criteria, distillers, samplers
from unix_exp.types import Mistake

ROOT = Path(__file__).parents[1]


def named(*words: str) -> tuple[str, str | None]:
    """What a command calls its method, and the line that says why."""
    choices = dict(word.split("=") for word in words if word.startswith("experiment="))
    with compose.hydra_ready():
        whole = compose.composed((*TINY, *words)).copy()
        note = name_by_parts(choices, whole, [*TINY, *words])
    return config.method_name(config.resolve(whole)), note


def test_a_checkout_without_links_gives_networks_their_own_pace(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "conf" / "model", tmp_path / "model")
    for link in ("teacher", "student"):
        (tmp_path / link).write_text("model")  # as git leaves a link where the system has none
    try:
        unwritten.offer([tmp_path])
        assert ("student", "shufflev2") in unwritten.offered()
        for role in ("teacher", "student"):
            assert ConfigStore.instance().load(f"{role}/shufflev2.yaml").node.pace == "light"
    finally:
        unwritten.offer(compose.folders())


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("experiment=unix sampler=random", "random"),
        ("sampler=random experiment=unix", "random"),
        ("experiment=unix_at criterion=kd", "unix"),
        ("experiment=kd sampler=unix 'criterion=[kd,at]'", "unix-at"),
        ("experiment=unix +criterion.at.weight=1000", "unix-at"),
        ("experiment=kd sampler.name=random", "random"),
        ("experiment=unix_at ~criterion.at", "unix"),
        ("experiment=scratch sampler=random", "supervised-random"),
        ("experiment=kd criterion=reviewkd", "everything-reviewkd"),
        ("experiment=takd ~assistant", "everything-ce"),
        ("experiment=ema teacher.checkpoint=auto", "everything-ce"),
    ],
)
def test_another_component_than_the_experiments_changes_its_name(words: str, name: str) -> None:
    found, note = named(*words.replace("'", "").split())
    assert found == name
    assert note is not None and "method=NAME gives it a name" in note


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("experiment=unix", "unix"),
        ("experiment=unix sampler.k=4", "unix"),
        ("experiment=unix_w1 sampler=unix", "unix_w1"),
        ("experiment=unix criterion.kd.tau=2", "unix"),
        ("experiment=unix sampler=random method=mine", "mine"),
        ("experiment=kd teacher.checkpoint=average", "kd"),
        ("experiment=takd assistant=resnet20", "takd"),
        ("experiment=takd teacher=resnet14 teacher.checkpoint=auto", "takd"),
        ("sampler=random", "random"),
        ("distiller=supervised", "supervised"),
    ],
)
def test_its_settings_and_a_name_that_is_given_change_nothing(words: str, name: str) -> None:
    assert named(*words.split()) == (name, None)


@pytest.mark.parametrize(
    ("words", "note"),
    [
        ("experiment=unix_w1 sampler.w=10", "sampler.w=1.0 and this run 10; it is still called 'unix_w1'"),
        ("experiment=unix_k36 sampler.k=9 recipe.batch=64", "sampler.k=36 and this run 9; it is still"),
        ("experiment=l2 distiller.weighting=focal", "distiller.weighting=none and this run focal"),
        ("experiment=adaptive_at +distiller.paths.st=1 distiller.paths.at=2", "distiller.paths.at=1000 and this run 2"),
        ("experiment=unix_w1 sampler.w=1", None), ("experiment=unix_k36 recipe.batch=64", None),
        ("experiment=unix_k36 sampler.w=1", None), ("experiment=rho sampler.k=3", None),
    ],
)  # fmt: skip
def test_a_name_that_a_setting_makes_doubtful_is_kept_and_said(words: str, note: str | None) -> None:
    found, said = named(*words.split())
    assert words.split()[0] == f"experiment={found}"
    assert said is None if note is None else note in str(said)


def test_every_job_of_a_sweep_is_called_what_it_does(tiny: Command) -> None:
    said = tiny("-m", "experiment=unix", "sampler=random,unix", "sampler.k=8")
    assert said.code == 0, said.err
    assert sorted(path.name.split("-")[2] for path in Path("runs").glob("*-s0-*")) == ["random", "unix"]
    assert said.out.count("sampler changed: this run is named after its parts and not 'unix'") == 1


def test_a_configuration_is_shown_with_the_name_that_its_run_gets(tiny: Command) -> None:
    def shown(*words: str) -> tuple[object, str]:
        said = tiny(*words)
        assert said.code == 0, said.err
        return yaml.safe_load(said.out)["method"], said.err

    name, note = shown("experiment=unix", "sampler=random", "--cfg", "job")
    assert name is None and note.startswith("sampler changed: this run is named after its parts and not 'unix'")
    assert shown("experiment=unix", "sampler.k=8", "--cfg=all") == ("unix", "")


def teacher_of(*words: str) -> config.Settings:
    with compose.hydra_ready():
        return config.resolve(config.of_teacher(compose.composed(words)))


def identity_of(settings: config.Settings, fingerprint: str = "") -> str:
    return config.identity(config.what_determines(settings, fingerprint, None))


def test_a_teacher_that_was_trained_before_is_still_the_same() -> None:
    kept = json.loads((only(ROOT / "results/teachers", "resnet20*") / "result.json").read_text())
    images = ("dataset=folder", "dataset.path=data/cifar100", "dataset.title=cifar100")
    words = ("sweep=cifar100_small", "experiment=unix", "seed=1", *images)
    assert identity_of(teacher_of(*words), kept["fingerprint"]) == kept["identity"]


@pytest.mark.parametrize(
    "word",
    ["sampler@teacher_sampler=mixup", "criterion@teacher_criterion=ce +teacher_criterion.ce.weight=0.5",
     "teacher_sampler.scout_anyway=true", "recipe@teacher_recipe=demo"],
)  # fmt: skip
def test_another_method_makes_another_teacher(word: str) -> None:
    words = tuple(word.replace("+", "").split())
    assert identity_of(teacher_of(*words)) != identity_of(teacher_of())


def test_the_students_method_is_not_the_teachers() -> None:
    words = ("experiment=unix_at", "sampler.k=4", "recipe.epochs=3")
    assert identity_of(teacher_of(*words)) == identity_of(teacher_of())


def test_a_teachers_sampler_follows_the_teachers_batch() -> None:
    made = teacher_of("sampler@teacher_sampler=mixup", "recipe.batch=16", "teacher_recipe.batch=40")
    assert made["sampler"]["k"] == 30


def test_a_teacher_is_trained_with_the_sampler_that_was_chosen(tiny: Command) -> None:
    said = tiny("experiment=kd", "sampler@teacher_sampler=random", "teacher_sampler.k=5")
    assert said.code == 0, said.err
    assert "of 16 images a step: 0 scouted, 0 shown to the teacher, 5 trained on" in said.out
    made = json.loads((only(Path("teachers"), "*-s1000-*") / "result.json").read_text())
    assert made["settings"]["sampler"] == {"name": "random", "k": 5}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("teacher_sampler=mixup", "teacher_sampler is 'mixup'; choose one with sampler@teacher_sampler=NAME"),
        ("teacher_criterion=kd", "teacher_criterion is 'kd'; choose one with criterion@teacher_criterion=NAME"),
        ("teacher_distiller.name=offline", "teacher_distiller 'offline' needs a teacher itself; choose one that"),
        ("sampler@teacher_sampler=mixip", "sampler 'mixip' does not exist; did you mean 'mixup'?"),
        ("sampler@teacher_sampler=mixup teacher_sampler.kk=3", "teacher_sampler 'mixup' has no setting 'kk'"),
    ],
)
def test_a_mistake_in_the_teachers_method_is_one_line(tiny: Command, words: str, message: str) -> None:
    said = tiny(*words.split())
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert message in line
    assert not Path("runs").exists()


def test_no_more_than_its_default_is_left_out_of_a_teachers_settings() -> None:
    made = teacher_of()
    parts = (made["distiller"], made["sampler"], made["criterion"])
    assert parts == ({"name": "supervised"}, {"name": "everything"}, {"ce": {"weight": 1.0}})
    assert all(name in registry.names() for registry, name in
               ((distillers, "supervised"), (samplers, "everything"), (criteria, "ce")))  # fmt: skip


def test_whether_there_is_a_teacher_is_the_distillers_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alone:
        networks: ClassVar = {"peer": "trained"}

    monkeypatch.setitem(distillers.constructors, "alone", Alone)
    settings = {"teacher": {"name": "resnet8"}, "student": {"name": "resnet8"}, "distiller": {"name": "alone"}}
    assert config.pair_name(settings) == "resnet8"
    assert config.pair_name(settings | {"distiller": {"name": "offline"}}) == "resnet8_resnet8"
    with pytest.raises(Mistake, match="no distiller 'offlin' is registered; did you mean 'offline'"):
        config.has_teacher(settings | {"distiller": {"name": "offlin"}})
