"""What a setting may be: types, ranges and what is said of a value that is neither."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import pytest
import torch

from unix_exp.engine.optimiser import optimiser_of
from unix_exp.ranges import MOST, Count, Range, Seed, Share, fits, plain, wrong
from unix_exp.recipe import Recipe
from unix_exp.registry import check_settings
from unix_exp.types import Mistake


@pytest.mark.parametrize(
    ("value", "wanted", "advice"),
    [
        (1, Count, None),
        (0, Count, "choose 1 or more"),
        (10**26, Count, "choose 1,000,000,000 or less"),
        (2**31, Seed, "choose 0 to 2,147,483,647"),
        (1.5, Share, "choose a number from 0 to 1"),
        (math.nan, Share, "choose a number from 0 to 1"),
        (1.0, Annotated[float, Range(0, 1, below=True)], "choose a number from 0 on, below 1"),
        (0.0, Annotated[float, Range(0, 1, above=True)], "choose a number above 0, up to 1"),
        (0, Annotated[float, Range(0, 1, above=True, below=True)], "choose a number between 0 and 1"),
        (0.0, Annotated[float, Range(0, above=True)], "choose a number above 0"),
        (math.inf, Annotated[float, Range(0, above=True)], "choose 1,000,000,000 or less"),
        (math.inf, float, "choose a finite number"),
        (-1e300, float, "choose -1,000,000,000 or more"),
        (-0.5, float, None),
        (0, Count | Literal["auto"] | None, "choose 1 or more, or auto, or null"),
        ("auto", Count | Literal["auto"] | None, None),
        ([0.5, math.nan], list[Share], "for each of them choose a number from 0 to 1"),
        ({"at": 2}, dict[str, Share], "for 'at' choose 0 to 1"),
        ("a\nb", str, "choose a text without line breaks and control characters"),
        ("über, ok", str, None),
        ("\ud800", Any, "choose a text without line breaks and control characters"),
        ([["\x1b"]], Any, "for each of them for each of them choose a text without line breaks and control characters"),
        (True, Any, None),
    ],
    ids=str,
)
def test_a_value_is_allowed_or_said_what_to_choose(value: Any, wanted: Any, advice: str | None) -> None:
    assert wrong(value, wanted) == advice


def test_a_literal_is_not_what_equals_it() -> None:
    assert fits(True, Literal["auto", True]) and not fits(1, Literal["auto", True])


def test_a_plug_in_may_have_an_endless_default_and_its_user_may_repeat_it() -> None:
    def component(limit: float = math.inf) -> None: ...

    check_settings(component, "mine", {"limit": math.inf}, role="sampler")
    with pytest.raises(Mistake, match=r"^sampler.limit is -inf; choose a finite number$"):
        check_settings(component, "mine", {"limit": -math.inf}, role="sampler")


def test_an_annotation_that_only_type_checkers_know_takes_no_range_from_its_neighbours() -> None:
    def component(facts: Nowhere, k: Count = 3) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(Mistake, match=r"^sampler.k is 0; choose 1 or more$"):
        check_settings(component, "mine", {"k": 0}, ["facts"], role="sampler")


def test_a_recipe_made_in_python_is_checked_by_the_same_ranges() -> None:
    with pytest.raises(Mistake, match=r"^gamma is 5; choose 0 to 1$"):
        Recipe(epochs=1, batch=1, lr=0.1, milestones=[], gamma=5)
    one = Recipe(epochs=1, batch=1, lr=0.1, milestones=[], options={"momentum": 5})
    with pytest.raises(Mistake, match=r"^optimiser.momentum is 5; choose a number from 0 on, below 1$"):
        optimiser_of(one, [torch.zeros(1)])


def test_numbers_are_written_for_readers() -> None:
    assert [plain(one) for one in (1024, MOST, 0.01, 1.0, -10_000)] == ["1024", "1,000,000,000", "0.01", "1", "-10,000"]
