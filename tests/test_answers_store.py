"""The store of answers: whole or not there, verified, shared, resumed after a kill."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from assembled import CPU, RECIPE, Case, Noise, networks_of, settings_of
from common import TINY, Command
from stored import unwatched, work

import unix_exp
from unix_exp.answers.__main__ import main
from unix_exp.run import components
from unix_exp.run.answers import making
from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.making import Work, make_missing
from unix_exp.run.answers.store import Store, check_room
from unix_exp.run.answers.views import Stored
from unix_exp.run.trial import tried
from unix_exp.types import Mistake

KD = Case("offline", "everything", ("kd",))
CHOICE = Choice(stored=True, views=2)
STORED = (*TINY, "experiment=kd_stored", "answers.views=2", "recipe.epochs=3", "runtime.threads=1")


def prepared(folder: Path, choice: Choice = CHOICE) -> Work:
    data, networks = Noise(), networks_of(KD)
    data.load("cpu")
    trial = tried(settings_of(KD), networks, data, RECIPE.but(epochs=4), choice)
    return work(KD, choice, folder, data, trial, {role: CPU.settled(one) for role, one in networks.items()})


def contents(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(store.path.glob("view-*.npy"))}


def silent(line: str) -> None:
    pass


def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "evaluation_batch", lambda *_: 16)


def test_more_views_keep_the_first_ones(tmp_path: Path) -> None:
    two, five = prepared(tmp_path / "two"), prepared(tmp_path / "five", replace(CHOICE, views=4))
    for made in (two, five):
        make_missing(made, unwatched, silent)
    first = contents(two.store)
    assert len(first) == 2 and first.items() <= contents(five.store).items()
    assert len(set(contents(five.store).values())) == 4, "every view shows the images in another way"


@pytest.mark.parametrize("damage", ["none", "a row", "the note", "cut", "the kind"])
def test_a_making_that_is_cut_short_goes_on_where_it_stopped(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From rows that are what was written; else that view is made anew."""
    small_batches(monkeypatch)
    monkeypatch.setattr(making, "SECONDS_BETWEEN_SAVES", 0.0)
    whole, broken = prepared(tmp_path / "whole"), prepared(tmp_path / "broken")
    make_missing(whole, unwatched, silent)

    def stopped(things: Any, label: str, total: int) -> Any:
        for number, thing in enumerate(things):
            if number == 6:  # in the second view of four batches each
                raise KeyboardInterrupt
            yield thing

    with pytest.raises(KeyboardInterrupt):
        make_missing(broken, stopped, silent)
    assert broken.missing == [1]
    (note,), (part,) = (list(broken.store.path.glob(one)) for one in (".view-001-*.json", ".view-001-*.part"))
    if damage in ("a row", "the kind", "the note"):
        path = note if damage == "the note" else part
        content = bytearray(path.read_bytes())
        at = content.index(b"<f2") if damage == "the kind" else len(content) // 2 if damage == "the note" else 130
        content[at : at + 1] = b">" if damage == "the kind" else bytes([content[at] ^ 1])
        path.write_bytes(content)
    if damage == "cut":
        part.write_bytes(part.read_bytes()[:200])
    asked: list[int] = []
    broken.teacher.register_forward_hook(lambda module, inputs, output: asked.append(len(inputs[0])))
    make_missing(broken, unwatched, silent)
    assert (sum(asked) < 64) == (damage == "none"), "images that were asked about are not asked about again"
    assert contents(broken.store) == contents(whole.store)


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    made = prepared(tmp_path)
    make_missing(made, unwatched, silent)
    said: list[str] = []
    make_missing(made, unwatched, said.append)
    assert said == [] and made.missing == []


def test_two_processes_make_them_once(tmp_path: Path) -> None:
    made = prepared(tmp_path)
    asked: list[int] = []
    made.teacher.register_forward_hook(lambda module, inputs, output: asked.append(len(inputs[0])))
    said: list[str] = []
    both = [threading.Thread(target=make_missing, args=(made, unwatched, said.append)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sum(asked) == 2 * 64


def test_answers_to_another_view_or_of_another_teacher_are_noticed(tmp_path: Path) -> None:
    made = prepared(tmp_path / "ours")
    make_missing(made, unwatched, silent)
    first, second = (made.store.manifest(view) for view in (0, 1))
    content = first.read_bytes()
    second.write_bytes(content)
    with pytest.raises(Mistake, match=r"view-001.json is of other answers; make them again after: python -m"):
        Stored(made)(1)
    values = json.loads(content)
    second.write_text(json.dumps({key: values[key] for key in ("arrays", "seconds")}))  # as older ones are
    with pytest.raises(Mistake, match=r"view-001.json is damaged; delete it, and the answers that it lists are made"):
        Stored(made)(1)
    second.write_text(json.dumps(values | {"seconds": 3.0}))
    with pytest.raises(Mistake, match=r"view-001.json is damaged"):
        Stored(made)(1)


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_file_is_noticed(damage: str, tmp_path: Path) -> None:
    made = prepared(tmp_path)
    make_missing(made, unwatched, silent)
    file = next(made.store.path.glob("view-001-*.npy"))
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[-1] ^= 1
    file.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    if damage == "gone":
        file.unlink()
        assert made.missing == [1]
        return
    views = Stored(made)
    views(0)
    with pytest.raises(Mistake, match=r"view-001-logits.npy were changed after they were made; make them again"):
        views(1)


def test_no_view_is_begun_without_room_for_all(tmp_path: Path) -> None:
    made = prepared(tmp_path)
    with pytest.raises(Mistake, match=r"takes 1,000.0 TB and .* left; choose fewer views"):
        check_room(made.store, 10**15)
    with pytest.raises(Mistake, match="choose fewer views"):
        make_missing(made._replace(image_bytes=10**15), unwatched, silent)
    assert contents(made.store) == {}


def test_views_that_do_not_fit_on_the_device_are_read_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = prepared(tmp_path)
    make_missing(made, unwatched, silent)
    kept = Stored(made)
    monkeypatch.setattr("unix_exp.run.answers.views.free_memory", lambda device: 0.0)
    in_turn = Stored(made)
    for epoch in range(4):
        index = torch.arange(64)
        one, other = (views(epoch).answers.of(index).logits for views in (kept, in_turn))  # type: ignore[union-attr]
        assert torch.equal(one, other)
    assert len(kept.kept) == 2 and len(in_turn.kept) == 1


def test_the_commands_list_make_and_remove(command: Command, typed: Callable[[Callable[[], None]], Command]) -> None:
    answers = typed(main)
    assert "nothing is stored in answers/" in answers("list").out
    made = answers("make", *STORED)
    assert made.code == 0 and "2 views" in made.out, made.err
    trained = command(*STORED)
    assert trained.code == 0 and "asking the teacher" not in trained.out, "a run uses what was made before"
    result = json.loads(next(Path("runs").glob("*/result.json")).read_text())
    assert result["answers"]["views"] == 2 and result["answers"]["parts"] == ["logits"]
    assert result["method"] == "kd-stored2"
    key = result["answers"]["store"]
    listed = answers("list")
    assert key in listed.out and "resnet8" in listed.out
    assert answers("remove", "nonsense").err == f"error: answers/ holds no answers 'nonsense'; choose one of {key}\n"
    assert answers("remove", key).code == 0 and not list(Path("answers").glob("*/view-*"))


def test_answers_are_made_for_those_runs_of_a_sweep_that_store_them(
    command: Command, typed: Callable[[Callable[[], None]], Command]
) -> None:
    answers = typed(main)
    made = answers("make", *TINY, "experiment=scratch,kd,kd_stored", "answers.views=1")
    assert made.code == 0 and "without stored answers: 2 of 3 runs" in made.out, made.err
    assert "1 view," in made.out and len(list(Path("answers").glob("*/view-*-logits.npy"))) == 1
    refused = answers("make", *TINY, "experiment=scratch")
    assert refused.code == 2 and "this method has no teacher" in refused.err
    assert "answers=live stores nothing" in answers("make", *TINY, "answers=live").err


def test_half_precision_never_holds_infinity(tmp_path: Path) -> None:
    made = prepared(tmp_path)
    with torch.no_grad():
        made.teacher.fc.weight.mul_(1e9)  # type: ignore[union-attr, operator]
    make_missing(made, unwatched, silent)
    stored = np.load(next(made.store.path.glob("view-000-*.npy")))
    assert np.isfinite(stored).all() and np.abs(stored).max() == np.finfo(np.float16).max


def test_a_command_stores_what_the_teacher_says_of_each_view(command: Command) -> None:
    """Of images in order, a class at a time, by a network whose batch norms stay: statistics of a batch would show."""
    words = ("teacher=wrn_16_1", "student=resnet8", "answers.precision=float32", "teacher_recipe.epochs=2")
    said = command(*STORED, *words)
    assert said.code == 0, said.err
    config = json.loads(next(Path("runs").glob("*/result.json")).read_text())["settings"]
    data = components.dataset(config["dataset"])
    data.load("cpu")
    teacher = unix_exp.load(next(Path("teachers").glob("wrn*")))
    with torch.no_grad():
        for number in (0, 1):
            (shown,) = data.view_batches(data.train_count, Choice(views=2).view(number, data))
            stored = np.load(next(Path("answers").glob(f"*/view-00{number}-logits.npy")))
            torch.testing.assert_close(torch.from_numpy(stored), teacher(shown).logits, rtol=1e-3, atol=1e-3)
