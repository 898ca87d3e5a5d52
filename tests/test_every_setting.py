"""Every value at every setting, of whatever component: it is right, or one line says what is wrong before all else.

Settings are read off the configuration and the registries, so a new component is asked too.
"""

from __future__ import annotations

import inspect
import math
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from checked import is_right, said_of, wrong_with
from common import TINY
from fuzzing.mutations import ODD
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf, open_dict

from unix_exp.config import compose, unwritten
from unix_exp.config.names import learns_from_teacher
from unix_exp.ranges import parameters_of
from unix_exp.registry import REGISTRIES, check_settings, criteria, distillers, samplers, sinks
from unix_exp.run.plan import check, locate
from unix_exp.types import Mistake

BOUNDED = settings(
    derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck), max_examples=50
)
VALUES = st.recursive(
    st.one_of(
        st.sampled_from(ODD), st.none(), st.booleans(), st.integers(), st.integers(-3, 300), st.floats(),
        st.floats(-2, 2), st.text(max_size=8), st.sampled_from(["auto", "all", "steps", "bf16", "x", "train"]),
    ),
    lambda inside: st.one_of(st.lists(inside, max_size=4), st.dictionaries(st.text(max_size=4), inside, max_size=3)),
    max_leaves=4,
)  # fmt: skip
SINGLE = {"distiller": distillers, "sampler": samplers, "logger": sinks}


@cache
def tiny() -> DictConfig:
    with compose.hydra_ready():
        return compose.composed(TINY)


def bases() -> list[tuple[str, str]]:
    """Every component that needs no files, as (group, name), and the configuration as it is."""
    found = [(group, name) for group, registry in SINGLE.items() for name in registry.names()]
    return [("", ""), *found, *(("criterion", name) for name in criteria.names())]


def base(group: str = "", name: str = "") -> DictConfig:
    """A tiny run with one component chosen, its settings as its constructor has them."""
    whole = tiny().copy()
    if not group:
        return whole
    registry = criteria if group == "criterion" else SINGLE[group]
    made = unwritten.choice(registry, group, name)
    assert made is not None
    whole = put(whole, (group,), made[0])
    if group == "distiller" and not learns_from_teacher(name):
        labels = next(one for one in criteria.names() if not getattr(criteria[one], "needs_teacher", True))
        whole = put(whole, ("criterion",), {labels: {"weight": 1.0}})
    return whole


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every setting and every group of settings."""
    if not isinstance(value, dict):
        return [path]
    return [*([path] if path else []), *(one for key, part in value.items() for one in leaves(part, (*path, key)))]


def put(whole: DictConfig, path: tuple[str, ...], value: Any) -> DictConfig:
    made = whole.copy()
    with open_dict(made):
        node = made
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
    return made


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


@BOUNDED
@given(data=st.data())
def test_a_value_is_right_or_refused_before_anything_is_made(data: st.DataObject) -> None:
    group, name = data.draw(st.sampled_from(bases()), "component")
    whole = base(group, name)
    plain = OmegaConf.to_container(whole)
    assert isinstance(plain, dict)
    paths = [(group, *path) for path in leaves(plain[group])] if group else leaves(plain)
    path, value = data.draw(st.sampled_from(paths or leaves(plain)), "path"), data.draw(VALUES, "value")
    try:
        changed = put(whole, path, value)
    except Exception:
        return  # no YAML and no command line can hold this value
    try:
        located = locate(changed)
        check(located)
    except Mistake:
        return
    assert finite(located.settings), f"{path} = {value!r} is accepted"
    folder = located.folder.path.name
    assert folder.isprintable() and len(folder.encode()) < 256


CONSTRUCTORS = [(registry, name) for registry in REGISTRIES for name in registry.names()]


@pytest.mark.parametrize(("registry", "name"), CONSTRUCTORS, ids=lambda one: getattr(one, "kind", one))
def test_no_number_without_end_and_no_line_break_passes_a_signature(registry: Any, name: str) -> None:
    """Whatever a component declares or forgets to declare."""
    constructor = registry[name]
    for key, parameter in parameters_of(constructor).items():
        if key in registry.supplied or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        others = {
            other: one.default for other, one in parameters_of(constructor).items()
            if other != key and one.default is not inspect.Parameter.empty and one.kind is one.POSITIONAL_OR_KEYWORD
        }  # fmt: skip
        for value in (math.nan, math.inf, -math.inf, 1e300, 10**26, -(10**26), "a\nb", [math.nan], ["\x1b[2J"]):
            with pytest.raises(Mistake, match=rf"^\S*{key} is "):
                check_settings(constructor, name, {key: value}, [*registry.supplied, *others], role=registry.kind)


NONSENSE = """
recipe.milestones=[nan] | recipe.milestones=[.inf] | recipe.momentum=5 | recipe.gamma=.inf | recipe.lr=1.0e+300
recipe.epochs=100000000000000000000000000 | recipe.weight_decay=.nan | recipe.batch=0 | sampler.w=1.0e+308
sampler.alpha=1.0e-300 | sampler.k=99999999999999999999 | seed=99999999999999999999 | dataset.train_count=1000000000000
dataset.seed=99999999999999999999 | dataset.test_count=.nan | runtime.threads=100000 | runtime.grace_seconds=.inf
logger.foo=1 | criterion.kd.tau=1.0e-300 | criterion.kd.weight=1.0e+300 | criterion.kd=5 | method="a\\nb" | method=[a]
answers={views: 1, jitter: 1000000000} | teacher=5 | networks={peer: 5} | plugins=[[a]] | runs=5 | dataset.name=[a]
runs=~nobody-of-this-name/x | student.checkpoint=~nobody-of-this-name | method="\\e[2J" | recipe=[] | seed=true
"""


@pytest.mark.parametrize("word", [one.strip() for one in NONSENSE.replace("\n", " | ").split("|") if one.strip()])
def test_nonsense_is_refused_with_its_name(word: str) -> None:
    whole = tiny()
    key, _, text = word.partition("=")
    with pytest.raises(Mistake, match=r"\w") as refused:
        check(locate(put(whole, tuple(key.split(".")), yaml.safe_load(text))))
    assert key.split(".")[0] in str(refused.value) or "home folder" in str(refused.value)


@pytest.mark.parametrize("length", [190, 300])
def test_a_name_too_long_for_a_folder_is_refused(length: int) -> None:
    whole = tiny()
    for key in ("runs", "teachers", "method"):
        if key == "method" or length > 255:
            with pytest.raises(Mistake, match="too long"):
                check(locate(put(whole, (key,), "x" * length)))


FLAGS = """
+logger.foo=1 | ~dataset | recipe.lr=1e400 | --experimental-rerun=x | --run --multirun | --resolve | --nothing
--cfg=foo | -m seed=range(1000000000) | -m 'seed=glob(*)' | -m seed=range(0,10,0) | -m seed=interval(0,1)
-m 'sampler=glob(zzz)' | -m seed=range(0,1e400)
"""


@pytest.mark.parametrize("words", [one.strip() for one in FLAGS.replace("\n", " | ").split("|") if one.strip()])
def test_a_command_that_cannot_work_is_one_line(words: str, tmp_path: Path) -> None:
    said = said_of([*TINY, *shlex.split(words)], tmp_path)
    assert wrong_with(said, tmp_path) is None and said.code == 2 and not is_right(said), said
    assert not list(tmp_path.iterdir()), "nothing is made"


FOUND = {
    "removed with a value": ["~sampler=5"], "a line break": ["criterion.kd.tau=\n,{a:{b:c}}"],
    "a long line": ["sampler.uncertainty=[" + "x," * 3000], "a term that is a number": ["teacher_criterion.ce=0.5"],
}  # fmt: skip

FOUND_IN_YAML = {
    "no text": (b"method: \xab\n", "own.yaml cannot be read"),
    "no settings": (b"0\n...\n", "own.yaml holds no settings"),
    "a number for a name": (b"student:\n  -1e+308: full\n  name: resnet8\n", "student has a setting -1e+308"),
}


@pytest.mark.parametrize("what", FOUND)
def test_what_the_fuzzer_found_is_one_line(what: str, tmp_path: Path) -> None:
    said = said_of([*TINY, *FOUND[what]], tmp_path)
    assert wrong_with(said, tmp_path) is None and said.code == 2 and not is_right(said), said


@pytest.mark.parametrize("what", FOUND_IN_YAML)
def test_a_yaml_that_the_fuzzer_found_is_one_line(what: str, tmp_path: Path) -> None:
    content, message = FOUND_IN_YAML[what]
    own = tmp_path / "mine" / "experiment" / "own.yaml"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"# @package _global_\n" + content)
    said = said_of([*TINY, "--config-dir=mine", "experiment=own"], tmp_path)
    assert wrong_with(said, tmp_path) is None and said.code == 2 and message in said.err, said


@settings(BOUNDED, max_examples=6)
@given(data=st.data())
def test_a_word_is_right_or_refused_in_one_line(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = OmegaConf.to_container(tiny())
    key = ".".join(data.draw(st.sampled_from(leaves(whole)), "key"))
    value = data.draw(st.one_of(st.text(max_size=12), VALUES.map(str)), "value").replace("\0", "")
    folder = tmp_path_factory.mktemp("word")
    said = said_of([*TINY, f"{data.draw(st.sampled_from(['', '+', '++', '~']))}{key}={value}"], folder)
    assert wrong_with(said, folder) is None


@settings(BOUNDED, max_examples=3)
@given(data=st.data())
def test_a_yaml_is_right_or_refused_in_one_line(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("yaml")
    whole = OmegaConf.to_container(tiny())
    group = data.draw(st.sampled_from(sorted(whole)), "group")
    keys = list(whole[group]) if isinstance(whole[group], dict) else []
    inside = st.dictionaries(st.sampled_from(keys) if keys else st.text(max_size=5), VALUES, max_size=3)
    value = data.draw(st.one_of(inside, VALUES), "value")
    own = folder / "mine" / "experiment" / "own.yaml"
    own.parent.mkdir(parents=True)
    text = yaml.safe_dump({group: value})
    own.write_text(f"# @package _global_\n{text}", errors="replace")
    said = said_of(["--config-dir=mine", *TINY, "experiment=own"], folder)
    assert wrong_with(said, folder) is None, text
