"""What a finished run shows of classes and images is right, comes again, and changes nothing."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from common import Command, Small, only
from pictures import loaded, paint_imagenet
from PIL import Image
from torch import Tensor

import unix_exp
from unix_exp.criteria.kd import KD
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.confused import most_confused
from unix_exp.engine.mixed import mixed_of, of_two, spread
from unix_exp.engine.runtime import Runtime
from unix_exp.registry import datasets
from unix_exp.run.checkpoint import read_state, save_state
from unix_exp.run.looking import kept_of, pictures
from unix_exp.run.looks import BYTES, looks_of
from unix_exp.run.pictures import shown
from unix_exp.samplers.mixing import mix
from unix_exp.types import Batch, Facts

CPU = Runtime(device="cpu")
TARGETS = torch.eye(10)[torch.arange(16) % 10]


class Sixteen:
    """Training images of ten classes in turn."""

    train_count, size, classes = 16, 32, tuple("abcdefghij")

    def train_batches(self, batch: int, seed: int, only: Tensor | None = None) -> Iterator[Batch]:
        draw = torch.Generator().manual_seed(seed)
        index = torch.randperm(16, generator=draw) if only is None else only.flip(0)
        yield Batch(torch.randn(len(index), 3, 32, 32, generator=draw), TARGETS[index], index)


def training(name: str, **settings: Any) -> Any:
    """What `mixed_of` reads of a training that is over."""
    torch.manual_seed(0)
    facts = Facts(10, 16, 16, 2, 32, {}, Clock())
    networks = {"student": Small(), "teacher": Small()}
    sampler = unix_exp.sampler(name, facts=facts, **settings)
    return SimpleNamespace(
        method=Offline(Parts(networks, sampler, Weighted({"kd": KD()}, {"kd": 1.0}))),
        data=Sixteen(), runtime=CPU, seed=3, epochs=2, clock=Clock(), views=lambda epoch: None,
        stages=[SimpleNamespace(recipe=SimpleNamespace(batch=16, epochs=2))],
    )  # fmt: skip


def test_the_most_confused_are_those_of_a_slow_recount() -> None:
    draw = random.Random(0)
    labels, guesses = ([draw.randrange(5) for _ in range(300)] for _ in range(2))
    evaluation: Any = SimpleNamespace(labels=torch.tensor(labels), guesses=torch.tensor(guesses))
    counts = Counter(pair for pair in zip(labels, guesses, strict=True) if pair[0] != pair[1])
    expected = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:7]
    found = most_confused(evaluation, 5, 7)
    assert [((one.true, one.guessed), one.images) for one in found] == expected
    assert [one.of for one in found] == [labels.count(true) for (true, _), _ in expected]
    evaluation.guesses = evaluation.labels
    assert most_confused(evaluation, 5, 7) == []


def test_two_sources_and_their_shares_are_read_off_the_targets() -> None:
    given = Batch(torch.randn(4, 3, 8, 8), torch.eye(10)[torch.tensor([3, 5, 5, 8])], torch.tensor([40, 41, 42, 43]))

    def rows(*chosen: int) -> Batch:
        return Batch(*(one[list(chosen)] for one in given[:3]))

    made = mix(rows(3, 0, 2, 1), rows(0, 1, 1, 3), torch.tensor([0.25, 0.7, 0.5, 0.0]))
    found = of_two(given, made)
    assert found.classes.tolist() == [[8, 3], [3, 5]], "5 with 5, and 5 with none of 8, are no two"
    torch.testing.assert_close(found.shares, torch.tensor([[0.75, 0.25], [0.3, 0.7]]))
    assert torch.equal(found.images, made.images[:2])
    smoothed = made._replace(targets=0.9 * rows(3, 0, 2, 1).targets + 0.01)
    assert spread(of_two(given, smoothed), 8) is None


@pytest.mark.parametrize("name", ["mixup", "cutmix", "unix", "pairmix", "recall_mixed"])
def test_images_are_shown_as_any_sampler_mixes_them(name: str) -> None:
    run = training(name)
    mixed = mixed_of(run, 8)
    assert mixed is not None and len(mixed.images) >= 5
    assert (mixed.classes[:, 0] != mixed.classes[:, 1]).all()
    assert mixed.shares[:, 1].diff().min() >= 0, "from the least mixed to the most"
    again = mixed_of(run, 8)
    assert again is not None and all(torch.equal(*pair) for pair in zip(mixed, again, strict=True))


@pytest.mark.parametrize("name", ["everything", "random", "uncertain", "recall"])
def test_who_mixes_nothing_shows_nothing(name: str) -> None:
    assert mixed_of(training(name), 8) is None


def test_a_look_leaves_no_trace() -> None:
    run = training("unix", scout_mode="train")
    before = {name: value.clone() for name, value in run.method.state_dict().items()}
    states = torch.get_rng_state(), random.getstate()
    assert mixed_of(run, 8) is not None
    assert all(torch.equal(value, before[name]) for name, value in run.method.state_dict().items())
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]


def counted(times: list[int], epochs: int = 2) -> Any:
    return SimpleNamespace(trained_on=torch.tensor(times), counted=epochs)


def test_images_are_named_by_how_often_they_were_trained_on() -> None:
    run = training("random")
    times = [2, 1, 0, 2, 1, 1, 1, 2, 0, 1, 1, 1, 1, 1, 1, 1]
    kept = kept_of(run, counted(times))
    assert kept is not None and kept["epochs"] == 2
    assert {one["index"] for one in kept["most"][:3]} == {0, 3, 7}
    assert {one["index"] for one in kept["least"][:2]} == {2, 8}
    assert all(one["times"] == times[one["index"]] for one in kept["most"] + kept["least"])
    assert all(one["name"] == "abcdefghij"[one["index"] % 10] for one in kept["most"] + kept["least"])


def test_nothing_is_said_where_all_are_kept_or_not_all_epochs_were_counted() -> None:
    run = training("everything")
    assert kept_of(run, counted(16 * [2])) is None
    assert kept_of(run, counted(15 * [2] + [1], epochs=1)) is None
    assert kept_of(run, counted(15 * [2] + [1])) is not None
    assert kept_of(run, counted([4, 0] + 14 * [2])) is not None, "as many, but one twice an epoch"
    run.data.train_count = 17  # a batch that is not whole is left out: one image each epoch, another one every time
    assert kept_of(run, counted(15 * [2] + [1, 1])) is None


def test_counts_of_images_are_kept_in_the_checkpoint() -> None:
    seen, again, older = (Analysis(training("random").method, Sixteen(), CPU) for _ in range(3))  # type: ignore[arg-type]
    for one in (seen, again, older):
        one.tally.draws[3] = 1
        one.add({"entropy": torch.ones(16)}, one.tally.draws > 0)
    seen.finish_epoch(None)
    again.load_state(seen.state())
    again.finish_epoch(None)
    assert again.counted == 2 and again.trained_on.tolist() == [0, 0, 0, 2] + 12 * [0]
    older.load_state({key: value for key, value in seen.state().items() if key != "trained_on"})
    assert older.counted == 0
    with pytest.raises(ValueError, match="other images"):
        older.load_state(seen.state() | {"trained_on": {"times": torch.zeros(9), "epochs": torch.tensor(1)}})


@pytest.mark.parametrize("side", [32, 64, 224])
def test_the_worst_pictures_are_small(side: int) -> None:
    noise = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    for picture in pictures(noise, SimpleNamespace(mean=(0.0,) * 3, std=(1.0,) * 3)):  # type: ignore[arg-type]
        content = base64.b64decode(picture)
        assert len(content) <= BYTES and max(Image.open(BytesIO(content)).size) == min(side, 64)


def test_a_small_picture_is_exact() -> None:
    pixels = (torch.arange(3 * 32 * 32) % 251).view(1, 3, 32, 32)
    data = SimpleNamespace(mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.1))
    mean, std = (torch.tensor(one).view(3, 1, 1) for one in (data.mean, data.std))
    (picture,) = pictures((pixels / 255 - mean) / std, data)  # type: ignore[arg-type]
    read = np.array(Image.open(BytesIO(base64.b64decode(picture)))).transpose(2, 0, 1)
    assert (read == pixels.numpy()).all()


@pytest.mark.usefixtures("finished")
def test_a_run_that_is_finished_once_more_shows_the_same_or_less_and_never_fails(
    tiny: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = only(Path("runs"), "*-s*")
    first = (folder / "looks.json").read_bytes()
    recorded = json.loads((folder / "result.json").read_text())["files"]

    def finish_again() -> tuple[str, Any]:
        (folder / "result.json").unlink()
        said = tiny()
        assert said.code == 0
        looks, flaw = looks_of(folder, json.loads((folder / "result.json").read_text())["files"]["looks.json"])
        assert flaw is None
        return said.out, looks

    _, looks = finish_again()
    assert (folder / "looks.json").read_bytes() == first and looks.keys() == {"confused", "kept", "mixed"}
    assert json.loads((folder / "result.json").read_text())["files"] == recorded

    def gone(*arguments: object) -> tuple[Tensor, Tensor]:
        raise OSError("img_3.png is gone\nand more")

    with monkeypatch.context() as patch:
        patch.setattr("unix_exp.run.looking.shown", gone)
        said, looks = finish_again()
    assert "looks.json shows no images that were kept: img_3.png is gone\n" in said
    assert looks.keys() == {"confused", "mixed"}

    state = read_state(folder / "checkpoint.pt")
    del state["analysis"]["trained_on"]  # as an older version wrote it
    save_state(folder / "checkpoint.pt", state)
    assert finish_again()[1].keys() == {"confused", "mixed"}


def test_images_that_are_streamed_are_shown_small(tmp_path: Path) -> None:
    data = loaded(datasets.make("imagenet", {"path": str(paint_imagenet(tmp_path)), "size": 96, "workers": 0}))
    images, labels = shown(data, torch.tensor([5, 0]))
    assert images.shape == (2, 3, 96, 96) and labels.tolist() == [data.train.labels[5], data.train.labels[0]]
    sizes = [Image.open(BytesIO(base64.b64decode(one))).size for one in pictures(images, data)]
    assert sizes == [(64, 64), (64, 64)]
