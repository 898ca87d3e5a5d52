from __future__ import annotations

import itertools

import pytest

from unix_exp.recipe import Recipe
from unix_exp.types import Mistake


def test_the_paper_schedule_decays_at_150_180_and_210() -> None:
    recipe = Recipe(epochs=240, batch=64, lr=0.05, milestones=[0.625, 0.75, 0.875])
    rates = [recipe.lr_at(epoch) for epoch in range(240)]
    assert [epoch for epoch in range(1, 240) if rates[epoch] != rates[epoch - 1]] == [150, 180, 210]
    assert rates[0] == 0.05
    assert rates[-1] == pytest.approx(5e-5)


def test_milestones_may_be_epochs_too() -> None:
    assert Recipe(epochs=90, batch=1, lr=1.0, milestones=[30, 60]).lr_at(60) == pytest.approx(0.01)


def test_warmup_climbs_to_the_rate_and_cosine_descends_from_it() -> None:
    recipe = Recipe(epochs=10, batch=1, lr=1.0, milestones=[], schedule="cosine", warmup_epochs=2)
    rates = [recipe.lr_at(epoch) for epoch in range(10)]
    assert rates[0] < rates[1] < rates[2] == 1.0
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[2:]))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch": 0}, {"lr": 0.0}, {"lr": float("nan")}, {"milestones": [0]}])
def test_a_recipe_that_cannot_be_is_refused_by_name(wrong: dict) -> None:
    with pytest.raises(Mistake, match=f"^{next(iter(wrong))} is"):
        Recipe(**({"epochs": 1, "batch": 1, "lr": 0.1, "milestones": []} | wrong))
