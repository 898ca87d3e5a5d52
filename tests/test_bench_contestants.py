"""The contestants of the bench: turns, the networks alone, and a plain loop that does the same as we do."""

from __future__ import annotations

import multiprocessing
import time

import numpy as np
import pytest
import torch
from benches import TINY, loaded

from unix_exp.bench import case, plain
from unix_exp.bench.contestants import plain_loop, without_launches
from unix_exp.bench.floor import Floor
from unix_exp.bench.measure import Contestant, alternate, nothing
from unix_exp.bench.ours import endless, networks
from unix_exp.run.training import training_of
from unix_exp.samplers import unix


@pytest.fixture(scope="module")
def tiny() -> case.Case:
    return loaded()


def test_turns_go_back_and_forth() -> None:
    order: list[str] = []
    everyone = [Contestant(name, lambda name=name: order.append(name)) for name in "abc"]
    seconds = alternate(everyone, 3, 2, nothing, lambda things, label, total: things)
    assert "".join(order) == "aabbccccbbaaaabbcc"
    assert [len(values) for values in seconds.values()] == [3, 3, 3]


def test_what_is_done_before_and_after_a_turn_is_not_timed() -> None:
    slow = Contestant("slow", nothing, before=lambda: time.sleep(0.05), after=lambda: time.sleep(0.05))
    (seconds,) = alternate([slow], 2, 1, nothing, lambda things, label, total: things).values()
    assert max(seconds) < 0.04


def test_the_floor_shows_as_many_images_as_the_step_and_changes_no_weight(tiny: case.Case) -> None:
    floor = Floor(tiny, next(endless(tiny)).images)
    seen: list[tuple[str, int, bool]] = []
    for name, network in (("student", floor.student), ("teacher", floor.teacher)):
        network.register_forward_pre_hook(
            lambda _, given, name=name: seen.append((name, len(given[0]), torch.is_grad_enabled()))
        )
    before = [weight.clone() for weight in floor.student.parameters()]
    floor()
    assert seen == [("student", 16, False), ("teacher", 12, False), ("student", 12, True)]
    assert all(torch.equal(old, new) for old, new in zip(before, floor.student.parameters(), strict=True))
    assert all(torch.isfinite(weight.grad).all() for weight in floor.student.parameters())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_floor_is_one_graph_on_a_gpu() -> None:
    there = loaded("runtime.device=cuda")
    floor = Floor(there, next(endless(there)).images)
    replay = without_launches(floor, there.runtime.place())
    tracked = floor.student.bn1.num_batches_tracked.item()
    replay()
    assert floor.student.bn1.num_batches_tracked.item() == tracked + 2  # scouted and learned


def test_what_a_gpu_times_as_the_next_batch_is_a_batch_of_an_epoch(tiny: case.Case) -> None:
    drawn = tiny.data.drawn(torch.Generator().manual_seed(5))
    for number, batch in enumerate(tiny.data.train_batches(16, seed=5)):
        gathered = tiny.data.gathered(drawn, slice(16 * number, 16 * (number + 1)))
        assert torch.equal(gathered.images, batch.images) and torch.equal(gathered.index, batch.index)


def test_the_plain_loop_sees_the_images_that_we_see() -> None:
    still = loaded("dataset.augment=false")
    batch = next(endless(still))
    pictures = plain.pictures(still)
    found = [pictures[int(number)] for number in batch.index]
    torch.testing.assert_close(torch.stack([image for image, _ in found]), batch.images)
    assert [label for _, label in found] == batch.targets.argmax(1).tolist()
    assert pictures[0][0].is_contiguous()


def test_the_plain_loop_augments_as_we_do(tiny: case.Case) -> None:
    kinds = [type(one).__name__ for one in plain.pictures(tiny).transform.transforms]
    assert kinds == ["RandomCrop", "RandomHorizontalFlip", "ToTensor", "Normalize"]
    assert plain.pictures(tiny).transform.transforms[0].padding == tiny.data.margin == 4
    drawn = tiny.data.read(None)[0].pixels
    assert np.array_equal(plain.pictures(tiny).pixels, drawn), "cropped from the image, not from the padded one"


@pytest.mark.parametrize("words", [(), ("sampler=everything",), ("sampler.uncertainty=margin", "sampler.w=1000")])
def test_the_plain_loop_learns_what_we_learn(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same weights, images and random numbers give the same mixed images and the same loss."""
    alike = loaded(*words, "runtime.memory_format=contiguous")
    batch, lam, partner = next(endless(alike)), 0.3, np.random.default_rng(0).permutation(16)
    monkeypatch.setattr(unix, "beta", lambda alpha, device: torch.tensor(lam))
    monkeypatch.setattr(unix, "shuffled", lambda batch: torch.from_numpy(partner))
    monkeypatch.setattr(np.random, "beta", lambda *_: lam)
    monkeypatch.setattr(np.random, "permutation", lambda _: partner)
    taught: list[torch.Tensor] = []

    def watched(network: torch.nn.Module) -> torch.nn.Module:
        network.register_forward_pre_hook(lambda _, given: taught.append(given[0]))
        return network

    ready = networks(alike, alike.settings)
    watched(ready["teacher"])
    method = training_of(alike.settings, ready, alike.data, alike.recipe, alike.runtime, alike.trial).method.train()
    ours = method(batch).terms
    fresh = alike.networks()
    loss, _, labels = plain.Plain(alike, fresh["student"], watched(fresh["teacher"])).learn(
        batch.images, batch.targets.argmax(1)
    )

    torch.testing.assert_close(*taught)
    assert len(labels) == len(taught[0]) == alike.cost.images.learned
    assert abs(loss.item() - sum(ours.values()).item()) < 1e-4
    assert loss.item() > 1e-3


def test_the_plain_loop_updates_and_reads_every_step(tiny: case.Case) -> None:
    loop = plain_loop(tiny)
    before = loop.student.fc.weight.clone()
    for _ in range(7):  # an epoch is six
        loop()
    assert not torch.equal(before, loop.student.fc.weight)
    assert loop.losses.count == 7 * 12 and loop.losses.sum > 0
    assert 0 <= loop.top1.sum <= loop.top5.sum


def test_worker_processes_load_in_their_turn_alone(tiny: case.Case) -> None:
    loop = plain_loop(tiny, workers=1)
    loop.start()
    assert len(multiprocessing.active_children()) == 1
    assert loop.losses.count == 2 * 12  # the batches that the worker loads ahead
    loop.stop()
    assert not multiprocessing.active_children()


def test_a_method_that_the_plain_loop_cannot_do_is_timed_without_it() -> None:
    assert plain.can_show(case.read(TINY))
    assert not plain.can_show(case.read((*TINY, "sampler=random")))
    assert not plain.can_show(case.read((*TINY, "criterion=[kd,sp]")))
    assert not plain.can_show(case.read((*TINY, "dataset.augment=trivialaugment")))


@pytest.mark.parametrize(
    ("words", "expected"),
    [((), False), (("sampler=everything",), True), (("experiment=kd",), True), (("experiment=kd_label",), True),
     (("sampler=random", "sampler.k=12"), False)],
)  # fmt: skip
def test_conventional_distillation_differs_in_nothing_but_the_method(words: tuple[str, ...], expected: bool) -> None:
    made = case.read((*TINY, *words))
    assert made.is_conventional == expected
    assert made.conventional["criterion"] == made.settings["criterion"]
    assert made.conventional["recipe"] == made.settings["recipe"]
    images = made.trial_of(made.conventional).ledger.first.images
    assert (images.scouted, images.taught, images.learned) == (0, 16, 16)
