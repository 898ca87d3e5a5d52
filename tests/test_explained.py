"""Every setting says what it means, and --help says it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import pytest
from common import Command

from unix_exp import train
from unix_exp.cli.explained import REQUIRED, Setting, registry_of, settings_of
from unix_exp.ranges import Range, limits, meaning
from unix_exp.registry import REGISTRIES

COMPONENTS = [
    (registry.kind, name)
    for registry in REGISTRIES
    for name in registry.names()
    if registry.is_ours(registry.modules[name])
]
DATACLASSES = [("", ""), ("recipe", ""), ("runtime", ""), ("answers", "")]


def test_no_setting_is_without_a_meaning() -> None:
    """Of any component of the package, and of the groups that have none."""
    without = [
        f"{kind} {name}: {one.name}"
        for kind, name in [*COMPONENTS, *DATACLASSES]
        for one in settings_of(kind, name)
        if not one.meaning.strip(" :")
    ]
    assert without == [], "add the meaning beside the type: Annotated[float, Range(0, 1), 'what it is for']"


def test_a_meaning_is_one_short_line_without_a_full_stop() -> None:
    for kind, name in [*COMPONENTS, *DATACLASSES]:
        for one in settings_of(kind, name):
            assert one.meaning.isprintable() and len(one.meaning) < 240 and not one.meaning.endswith("."), one


def test_a_setting_is_what_its_constructor_declares() -> None:
    found = {one.name: one for one in settings_of("sampler", "unix")}
    assert list(found) == ["k", "w", "b", "alpha", "uncertainty", "scout_mode"]
    assert found["k"].type == "a whole number or null" and found["k"].default is None
    assert found["alpha"][1:4] == ("a number", 1.0, "0.001 to 1000")
    assert found["uncertainty"].type == "one of entropy, confidence, margin" and found["uncertainty"].range == ""


def test_settings_that_a_constructor_does_not_have_itself_are_there() -> None:
    assert settings_of("criterion", "kd")[0].name == "weight"
    assert [one.name for one in settings_of("student", "resnet8")] == ["pace", "checkpoint"]
    begins, asked = (settings_of(role, "resnet8")[1].meaning for role in ("student", "teacher"))
    assert "auto" not in begins and "average" not in begins and "auto: " in asked and "average: " in asked
    assert {"seed", "decay", "shrink"} <= {one.name for one in settings_of("teacher", "resnet8")}
    assert {"batch", "momentum", "betas"} <= {one.name for one in settings_of("recipe")}
    assert next(one for one in settings_of("student", "timm") if one.name == "arch").default == REQUIRED
    assert settings_of("experiment", "kd") == []


def test_a_group_is_of_its_registry() -> None:
    found = {group: registry_of(group) for group in ("student", "logger", "optimiser", "pair")}
    assert [getattr(one, "kind", None) for one in found.values()] == ["model", "sink", "optimiser", None]


@pytest.mark.parametrize(
    ("annotation", "said", "range_"),
    [
        (Annotated[float, Range(0, 1)], None, "0 to 1"),
        (Annotated[float, Range(0, 1, above=True), "a share"], "a share", "above 0, up to 1"),
        (Annotated[float, Range(0, 1, above=True, below=True)] | None, None, "above 0, below 1"),
        (Annotated[int, Range(1), "inner"] | None, "inner", "1 or more"),
        (Annotated[Annotated[int, Range(1), "inner"] | None, "outer"], "outer", "1 or more"),
        (Annotated[Annotated[int, Range(high=5), "inner"], "outer"], "outer", "5 or less"),
        (Annotated[list[Annotated[float, Range(0, above=True)]], "each"], "each", "each above 0"),
        (dict[str, Annotated[float, Range(high=1, below=True), "of one"]], None, "each below 1"),
        (int, None, ""),
    ],
)
def test_meaning_and_range_are_read_off_an_annotation(annotation: object, said: str | None, range_: str) -> None:
    assert (meaning(annotation), limits(annotation)) == (said, range_)


def test_a_component_from_outside_need_not_say_what_it_means() -> None:
    from unix_exp.cli.explained import declared_by

    def made(k, share: float = 0.5, *rest: int, **more: int) -> None: ...  # type: ignore[no-untyped-def]

    assert list(declared_by(made)) == [
        Setting("k", "anything", REQUIRED, "", ""),
        Setting("share", "a number", 0.5, "", ""),
    ]


def test_help_on_choices_explains_their_settings_as_they_are_typed(typed: Callable[..., Command]) -> None:
    words = (
        "sampler=unix",
        "criterion=kd_ce",
        "dataset=folder",
        "optimiser=sgd",
        "pair=vgg13_vgg8",
        "logger=wandb",
        "runtime",
    )
    said = typed(train.main)("--help", *words, "teacher_recipe.lr")
    assert said.code == 0 and said.err == ""
    blocks = said.out.split("\n\n")
    assert said.lines[0] == "runtime=NAME; --help runtime=NAME explains one and its settings"
    assert said.lines[2].startswith("  auto  A GPU if there is one")
    assert "  sampler.k=48\n      how many images of a batch are kept; null: three quarters of them\n" in said.out
    assert "  sampler.alpha=1.0\n" in said.out and "(a number, 0.001 to 1000)" in said.out
    assert "  criterion.kd.weight=0.9\n" in said.out and "  criterion.ce.smoothing=0.0\n" in said.out
    assert next(one for one in blocks if "dataset.path=???" in one).endswith("(text; has to be given)")
    assert "recipe.optimiser=sgd\n" in said.out and "  recipe.momentum=0.9\n" in said.out, "as it is typed"
    assert "  logger.project=unix_exp\n" in said.out
    assert "pair=vgg13_vgg8\n\n  A pair of the UNIX paper, Table 2." in said.out
    assert "      - override /teacher: vgg13" in said.out, "what it chooses"
    assert (
        "runtime=NAME; --help runtime=NAME explains one and its settings\n\n  auto  A GPU if there is one" in said.out
    )
    assert "  teacher_recipe.lr=" in said.out and "(a number, above 0, up to 1000)" in said.out


def test_help_on_what_there_is_not_is_one_line(command: Command) -> None:
    assert command("--help", "sampler=unixx").err == "error: sampler 'unixx' does not exist; did you mean 'unix'?\n"
    assert command("--help", "epochs").err.endswith("no setting 'epochs'; did you mean 'recipe.epochs=...'?\n")
    assert (
        command("--help", "samplr").err == "error: there is no group and no setting 'samplr'; did you mean 'sampler'?\n"
    )
    said = command("--help", "foo").err
    assert "'foo'; choose a group (answers, " in said and ", sampler, " in said
    assert said.endswith(" or a setting that is in none (seed, method, plugins, runs, teachers, fail_fast)\n")


@pytest.mark.parametrize("words", [["--help"], ["--cfg", "job"]])
def test_a_reader_that_closes_the_pipe_is_no_error(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As head does it: train --help | head -1."""
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "argv", ["train", *words])
        train.main()
        print("what a process still has to say as it ends", flush=True)
    assert capfd.readouterr().err == ""
