"""Arms are called by what was swept, and no more."""

from __future__ import annotations

from unix_exp.report.naming import detailed, labelled


def test_settings_that_follow_from_the_component_are_left_out() -> None:
    members = [
        ("unix", {"sampler.name": "unix", "sampler.k": 12, "sampler.w": 10.0, "sampler.alpha": 1.0}),
        ("unix", {"sampler.name": "unix", "sampler.k": 24, "sampler.w": 10.0, "sampler.alpha": 1.0}),
        ("unix", {"sampler.name": "random", "sampler.k": 24, "sampler.scout_anyway": False}),
    ]
    assert labelled(members) == ["unix sampler=unix, k=12", "unix sampler=unix, k=24", "unix sampler=random, k=24"]
    assert detailed(members)[0] == "unix sampler=unix, k=12, w=10.0, alpha=1.0"


def test_settings_that_go_together_are_named_once() -> None:
    members = [
        ("kd", {"recipe.epochs": epochs, "recipe.warmup": epochs // 10, "recipe.lr": 0.1}) for epochs in (20, 100)
    ]
    assert labelled(members) == ["kd epochs=20", "kd epochs=100"]


def test_another_loss_is_named_by_its_parts() -> None:
    kd, at = {"criterion.kd.weight": 1, "criterion.kd.tau": 4}, {"criterion.at.weight": 1000, "criterion.at.p": 2}
    assert labelled([("mine", kd), ("mine", kd | at)]) == ["mine criterion=kd", "mine criterion=kd+at"]
    weights = [("mine", kd | {"criterion.kd.weight": weight}) for weight in (1, 2)]
    assert labelled(weights) == ["mine criterion.kd.weight=1", "mine criterion.kd.weight=2"]


def test_of_many_settings_those_remain_that_tell_all_arms_apart() -> None:
    members = [("unix", {f"recipe.{letter}": number // 2**place % 2 for place, letter in enumerate("abcde")}
                | {"recipe.lr": number}) for number in range(8)]  # fmt: skip
    assert labelled(members) == [f"unix lr={number}" for number in range(8)]
    assert len(set(labelled([("x", one) for _, one in members]))) == 8


def test_a_name_of_its_own_needs_no_settings() -> None:
    assert labelled([("kd", {"recipe.lr": 0.1}), ("unix", {"recipe.lr": 0.2})]) == ["kd", "unix"]
