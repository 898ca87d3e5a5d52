"""A ratio that got worse since a kept state of the bench is noticed, and nothing else is."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benches import TINY
from common import Command

from unix_exp.bench import __main__ as command_line
from unix_exp.bench import case, compare
from unix_exp.run import components

KEPT = sorted((Path(compare.__file__).parent / "known").glob("*.json"))


@pytest.fixture
def figures() -> dict[str, Any]:
    """What a bench measured."""
    return compare.read(KEPT[0])


@pytest.fixture
def again(
    typed: Callable[..., Command], tmp_path: Path, figures: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """The bench in an empty folder, measuring the same as before."""
    monkeypatch.setattr(compare, "KNOWN", tmp_path)
    monkeypatch.setattr(command_line, "timed", lambda *_: copy.deepcopy(figures))
    bench = typed(command_line.main)
    return lambda *words: bench(*TINY, *words)


def altered(figures: dict[str, Any], name: str, median: float, **changes: dict[str, Any]) -> str:
    """A file in which a ratio was another one, without any spread."""
    then = copy.deepcopy(figures) | changes
    then["ratios"][name] = {"median": median, "low": median, "high": median, "n": 5}
    Path("then.json").write_text(json.dumps(then))
    return "then.json"


def test_a_ratio_that_got_worse_ends_the_command_with_1(again: Command, figures: dict[str, Any]) -> None:
    then = altered(figures, "step_over_floor", figures["ratios"]["step_over_floor"]["median"] - 100)
    said = again("--compare", then)
    assert said.code == 1
    assert [line.split()[:3] for line in said.lines if line.endswith("worse")] == [["full", "step", "/"]]


def test_a_ratio_that_got_better_or_moved_within_its_spread_is_no_complaint(
    again: Command, figures: dict[str, Any]
) -> None:
    now = figures["ratios"]["step_over_floor"]
    within = now["median"] - 0.9 * max(now["high"] - now["low"], 0.01)
    for then in (now["median"] + 100, within):
        said = again("--compare", altered(figures, "step_over_floor", then))
        assert said.code == 0
        assert "worse" not in said.out and "full step / floor" in said.out


def test_more_speed_over_the_plain_loop_is_better(again: Command, figures: dict[str, Any]) -> None:
    now = figures["ratios"]["speed_over_plain"]["median"]
    assert again("--compare", altered(figures, "speed_over_plain", now + 100)).code == 1
    assert again("--compare", altered(figures, "speed_over_plain", now - 100)).code == 0


def test_another_machine_is_shown_and_not_judged(again: Command, figures: dict[str, Any]) -> None:
    elsewhere = {"where": {**figures["where"], "hardware": "NVIDIA H200"}}
    said = again("--compare", altered(figures, "step_over_floor", -100, **elsewhere))
    assert said.code == 0
    assert said.lines[-1].startswith("not judged, as these differ: hardware NVIDIA H200 -> ")
    assert "worse" not in said.out


def test_a_setting_that_only_one_of_two_states_has_is_no_difference(figures: dict[str, Any]) -> None:
    then = copy.deepcopy(figures)
    then["what"]["runtime"]["new"] = 1
    assert compare.differences(then, figures) == compare.differences(figures, then) == []
    now = then["what"]["runtime"]["precision"]
    then["what"]["runtime"]["precision"] = "another"
    assert compare.differences(then, figures) == [f"runtime.precision another -> {now}"]


def test_the_kept_state_of_this_case_and_hardware_is_compared_with(again: Command, figures: dict[str, Any]) -> None:
    assert "then" not in again().out
    altered(figures, "step_over_floor", -100)
    said = again()
    assert said.code == 1
    assert "since then.json" in said.out


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_is_kept_can_be_compared_with(path: Path) -> None:
    then = compare.read(path)
    assert compare.differences(then, then) == []
    assert not any(change.worse for change in compare.changes(then, then))


def words_of(what: dict[str, Any]) -> list[str]:
    """Of files that are older than the record of their words."""
    runtime = what["runtime"]
    words = [f"pair={what['pair']}", f"sampler.k={what['sampler']['k']}", f"runtime.precision={runtime['precision']}"]
    if runtime["scout_precision"]:
        words.append(f"runtime.scout_precision={runtime['scout_precision']}")
    return words


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_is_kept_is_still_the_case_that_its_words_mean(path: Path) -> None:
    """Else a new default or a renamed setting would end the comparing, and nobody would notice."""
    then = compare.read(path)
    settings, _ = case.settings_of(then["how"].get("words") or words_of(then["what"]))
    meant = case.what(settings, components.recipe(settings["recipe"]), components.dataset(settings["dataset"]))
    now = {"what": meant, "where": then["where"]}
    assert compare.differences(then, now) == []
