"""What is told of the sampler's choice is right, and telling it changes nothing."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from common import Command, Small, only
from safetensors.torch import load_file
from torch import Tensor, nn

import unix_exp
from unix_exp.criteria.kd import KD
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.engine import analysis
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.evaluate import evaluate
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.step import Step
from unix_exp.run import perform as experiment
from unix_exp.samplers.uncertainty import entropy
from unix_exp.samplers.unix import Unix
from unix_exp.types import Batch, Losses, Output, Scout

CPU = Runtime(device="cpu")
pytestmark = pytest.mark.usefixtures("taught")
DATA = SimpleNamespace(train_count=64, classes=tuple("abcdefghij"))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at every second batch: a tiny epoch has three."""
    monkeypatch.setattr(analysis, "EVERY", 2)


@pytest.fixture
def run(tiny: Command) -> Command:
    return lambda *words: tiny("recipe.epochs=2", *words)


def lines(name: str, runs: str = "runs") -> list[dict]:
    return [json.loads(line) for line in (only(Path(runs), "*-s*") / name).read_text().splitlines()]


def told(runs: str = "runs") -> list[dict[str, float]]:
    """What metrics.jsonl says of the choice, epoch by epoch."""
    begin = "analysis/"
    return [{k.removeprefix(begin): v for k, v in line.items() if begin in k} for line in lines("metrics.jsonl", runs)]


def weights(runs: str) -> dict[str, Tensor]:
    return load_file(only(Path(runs), "*-s*") / "student.safetensors")


def alike(some: dict[str, Tensor], others: dict[str, Tensor]) -> bool:
    return all(torch.equal(some[key], others[key]) for key in some | others)


def test_draws_by_class_are_those_of_a_slow_recount(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[list[int]] = []
    choose = Unix.__call__

    def choose_and_tell(sampler: Unix, batch: Batch, scout: Scout) -> Batch:
        chosen = choose(sampler, batch, scout)
        if not chosen.index.is_meta:  # the trial step that counts the cost
            kept.append(chosen.index.tolist())
        return chosen

    monkeypatch.setattr(Unix, "__call__", choose_and_tell)
    assert run("sampler.k=10").code == 0
    assert len(kept) == 2 * 3 + 1, "two epochs of three steps, and a batch that is made again to be shown"
    for line in lines("analysis.jsonl"):
        # shapes has its classes in turn
        recount = Counter(image % 24 for step in kept[3 * (line["epoch"] - 1) :][:3] for image in step)
        assert line["drawn_per_class"] == [recount[label] for label in range(24)]
        assert sum(line["drawn_per_class"]) == 10 * 3


@pytest.mark.parametrize("sampler", ["uncertain", "unix"])
@pytest.mark.usefixtures("looks")
def test_what_they_keep_is_what_the_student_is_less_sure_of(sampler: str, run: Command) -> None:
    assert run(f"sampler={sampler}", "sampler.scout_mode=eval").code == 0
    first, second = told()
    for epoch in (first, second):
        assert epoch["student_entropy_kept"] > epoch["student_entropy_left_out"]
        assert {"teacher_entropy_kept", "teacher_distance_left_out"} <= epoch.keys()
    assert "student_distance_kept" not in first, "no test pass has shown its centres yet"
    assert "student_distance_kept" in second


@pytest.mark.usefixtures("looks")
def test_on_or_off_the_weights_are_the_same_to_the_bit(run: Command) -> None:
    shutil.rmtree("teachers")
    assert run("runtime.analysis=false", "runs=off").code == 0
    assert not [*Path().glob("**/analysis.jsonl"), *Path().glob("**/looks.json")], "nor of the teacher"
    assert told("off") == [{}, {}]
    assert run().code == 0
    assert all(told())
    assert alike(weights("runs"), weights("off"))
    for on, off in zip(lines("metrics.jsonl"), lines("metrics.jsonl", "off"), strict=True):
        assert (on["train/loss"], on["test/top1"]) == (off["train/loss"], off["test/top1"])
    assert "is finished" in run("runtime.analysis=false").out, "the same run"


@pytest.mark.usefixtures("looks")
def test_a_continued_run_tells_the_same(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "recipe.epochs=4", "recipe.evaluate_every=2"
    assert run(*words, "runs=unbroken").code == 0
    save = experiment.save_state

    def save_or_die(path: Path, state: dict) -> None:
        if state["progress"]["epoch"] == 3:
            raise KeyboardInterrupt  # its record is written, its checkpoint is not
        save(path, state)

    monkeypatch.setattr(experiment, "save_state", save_or_die)
    assert run(*words).code == 130
    assert len(lines("analysis.jsonl")) == 3
    monkeypatch.setattr(experiment, "save_state", save)
    assert "continuing after epoch 2" in run(*words).out

    for name in ("analysis.jsonl", "looks.json"):
        assert len({(only(Path(runs), "*-s*") / name).read_bytes() for runs in ("unbroken", "runs")}) == 1
    assert told() == told("unbroken")
    assert ["student_distance_kept" in epoch for epoch in told()] == [False, False, True, False]
    assert ["accuracy_per_class" in line for line in lines("analysis.jsonl")] == [False, True, False, True]
    assert alike(weights("runs"), weights("unbroken"))


def test_who_keeps_everything_leaves_nothing_out(run: Command) -> None:
    assert run("sampler=everything").code == 0
    everything = {"student_entropy_kept", "teacher_entropy_kept", "teacher_distance_kept"}
    assert [epoch.keys() for epoch in told()] == [everything, everything | {"student_distance_kept"}]
    assert all(line["drawn_per_class"] == 24 * [2] for line in lines("analysis.jsonl"))


def test_without_a_teacher_nothing_is_told_of_one(run: Command) -> None:
    assert run("distiller=supervised", "sampler=random", "sampler.k=8").code == 0
    parts = {"student_entropy_kept", "student_entropy_left_out"}
    assert [epoch.keys() for epoch in told()] == [parts, parts | {"student_distance_kept", "student_distance_left_out"}]
    result = json.loads((only(Path("runs"), "*-s*") / "result.json").read_text())
    for line in lines("analysis.jsonl"):
        assert sum(line["drawn_per_class"]) == 8 * 3
        top1 = sum(line["accuracy_per_class"]) / 24  # two test images each
        assert top1 == pytest.approx(lines("metrics.jsonl")[line["epoch"] - 1]["test/top1"])
    assert top1 == pytest.approx(result["last"]["top1"])


def test_centres_of_the_teacher_are_measured_where_they_are_missing_and_wanted(run: Command) -> None:
    assert run().code == 0
    files = list(Path("teachers/.accuracy").glob("*.safetensors"))
    assert len(files) == 2, "the teacher's as it is, and as it is frozen"
    before = [load_file(centres) for centres in files]
    assert before[0]["centres"].shape == (24, 64)
    for centres in files:
        centres.unlink()
    assert run("seed=1", "runs=off", "runtime.analysis=false").code == 0
    assert not any(centres.exists() for centres in files)
    assert run("seed=1", "runs=on").code == 0
    assert all(alike(old, load_file(centres)) for old, centres in zip(before, files, strict=True))
    assert all("teacher_distance_kept" in epoch for epoch in told("on"))


class Few:
    """Three test images of class 0, one of class 2, none of class 1; each is its own logits and embedding."""

    classes, size, test_count = ("a", "b", "c"), 1, 4

    def test_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        yield torch.tensor([[3.0, 0.0, 0.0], [1.0, 0.0, 2.0]])[..., None, None], torch.tensor([0, 0])
        yield torch.tensor([[5.0, 0.0, 1.0], [0.0, 1.0, 7.0]])[..., None, None], torch.tensor([0, 2])


class Echo(nn.Module):
    def forward(self, images: Tensor) -> Output:
        values = images.flatten(1)
        return Output(values, (values,), values)


def test_one_pass_gives_accuracy_and_centre_of_each_class() -> None:
    found = evaluate(Echo(), Few(), 2, CPU, lambda things, label, total: things)
    assert found.top1 == 75
    assert found.top1_by_class == [pytest.approx(200 / 3), None, 100]
    torch.testing.assert_close(found.centres[[0, 2]], torch.tensor([[3.0, 0.0, 1.0], [0.0, 1.0, 7.0]]))
    assert found.centres[1].isnan().all()


def offline(**settings: object) -> Offline:
    torch.manual_seed(0)
    sampler = unix_exp.sampler("unix", k=12, **settings)
    return Offline(Parts({"student": Small(), "teacher": Small()}, sampler, Weighted({"kd": KD()}, {"kd": 1.0})))


def step_of(method: Offline, seen: Analysis | None) -> Step:
    return Step(method, torch.optim.SGD(method.student.parameters(), lr=0.05), CPU, tally=seen and seen.tally)


def batch_from(first: int) -> Batch:
    return Batch(torch.randn(16, 3, 32, 32), torch.eye(10)[torch.arange(16) % 10], torch.arange(first, first + 16))


def test_means_of_a_look_are_those_of_a_slow_recount() -> None:
    made, centres = offline(), {"student": torch.randn(10, 4), "teacher": torch.randn(10, 4)}
    centres["student"][3] = torch.nan  # no test image is of this class, so its images are in no mean
    seen, kept = Analysis(made, DATA, CPU, centres["teacher"]), set()
    seen.load_state({"centres": {"student": centres["student"]}, "tally": {}})
    batch = batch_from(32)

    def step(batch: Batch) -> Losses:
        index = made.sampler(batch, made.look).index
        kept.update((index - 32).tolist())
        with torch.no_grad():
            made.student.fc.weight.zero_()  # what follows the choice is not what it went by
        losses = Losses({}, index)
        seen.tally(batch, losses)
        return losses

    expected = {}
    for role, network in (("student", made.student), ("teacher", made.teacher)):
        with torch.no_grad():
            output = network.eval()(batch.images)
        distance = [float((output.embedding[i] - centres[role][i % 10]).norm()) for i in range(16)]
        expected[role] = {"entropy": entropy(output.logits).tolist(), "distance": distance}
    made.train()
    seen.around(step)(batch)
    means, arrays = seen.finish_epoch(None)

    assert len(kept) == 12
    for part, images in (("kept", kept), ("left_out", set(range(16)) - kept)):
        for role, values in expected.items():
            for name, of_each in values.items():
                told = [of_each[i] for i in images if of_each[i] == of_each[i]]
                assert means.pop(f"analysis/{role}_{name}_{part}") == pytest.approx(sum(told) / len(told), rel=1e-4)
    assert not means
    assert arrays == {"drawn_per_class": [sum(i % 10 == label for i in kept) for label in range(10)]}


def test_one_batch_in_a_hundred_is_looked_at_and_leaves_no_trace() -> None:
    made, looks = offline(), []
    made.teacher.register_forward_pre_hook(lambda *_: looks.append(made.student.training))
    made.student.norm.eval()  # as who freezes it would
    batch = batch_from(0)
    step = Analysis(made, DATA, CPU).around(lambda batch: Losses({}, batch.index))
    before = {key: value.clone() for key, value in made.state_dict().items()}
    random_state = torch.get_rng_state()
    for _ in range(201):
        step(batch)
    assert len(looks) == 3
    assert torch.equal(random_state, torch.get_rng_state())
    assert made.student.training and not made.student.norm.training and not made.teacher.training
    assert alike(before, made.state_dict())


def test_a_step_that_is_tallied_and_looked_at_is_the_step_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "EVERY", 2)
    methods = [offline(), offline()]
    seen, found = Analysis(methods[0], DATA, CPU), []
    for method, observed in zip(methods, (seen, None), strict=True):
        step = step_of(method, observed)
        torch.manual_seed(1)
        run = step if observed is None else observed.around(step)
        found.append([run(batch_from(first)).terms["kd"].item() for first in (0, 16, 32)])
    assert found[0] == found[1]
    assert alike(methods[0].state_dict(), methods[1].state_dict()), "and its state has no other parts"
    assert seen.tally.draws.sum() == 3 * 12


def test_an_analysed_step_compiles_as_one_graph_that_looks_leave_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "EVERY", 2)
    torch._dynamo.reset()
    made = offline()
    seen = Analysis(made, DATA, CPU)
    step = step_of(made, seen)
    step.forward = torch.compile(made, fullgraph=True, backend="aot_eager")
    observed = seen.around(step)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for first in (0, 16, 32, 48):
            observed(batch_from(first))
    means, arrays = seen.finish_epoch(None)
    assert sum(arrays["drawn_per_class"]) == 4 * 12
    assert means.keys() == {
        f"analysis/{role}_entropy_{part}" for role in ("student", "teacher") for part in ("kept", "left_out")
    }


def test_counting_never_asks_for_a_value() -> None:
    made, tally = offline().to("meta"), Analysis(offline(), DATA, CPU).tally.to("meta")
    batch = Batch(*(tensor.to("meta") for tensor in batch_from(0)[:3]))
    losses = made(batch)
    tally(batch, losses)
    assert all(term.is_meta for term in losses.terms.values())
