"""The bench: that it times equals in turns, says what it measured, and notices when a ratio gets worse."""

from __future__ import annotations

import copy
import json
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from conftest import Said

from unix_exp.bench import __main__ as command_line
from unix_exp.bench import case, compare, plain
from unix_exp.bench.chips import PEAKS, peak_of
from unix_exp.bench.contestants import ABOUT
from unix_exp.bench.figures import ratio
from unix_exp.bench.floor import Floor, captured
from unix_exp.bench.measure import Contestant, alternate, nothing
from unix_exp.bench.ours import endless, networks
from unix_exp.bench.table import TITLES
from unix_exp.samplers import unix

TINY = ("student=resnet8", "teacher=resnet14", "recipe.batch=16", "dataset=shapes", "dataset.train_count=96",
        "dataset.test_count=24", "runtime.device=cpu")  # fmt: skip

Bench = Callable[..., Said]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Bench:
    """Type `python -m unix_exp.bench WORDS` in an empty folder, where nothing is known yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compare, "KNOWN", tmp_path)

    def type_it(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        return Said(int(ended.value.code or 0), *capfd.readouterr())

    return type_it


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """One bench of the smallest networks, as its JSON has it."""
    place = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        words = [*TINY, "--steps", "5", "--json", str(place / "told.json"), "--picture", str(place / "told.svg")]
        patch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
    assert not ended.value.code
    return json.loads((place / "told.json").read_text()) | {"picture": (place / "told.svg").read_text()}


@pytest.fixture(scope="module")
def tiny() -> case.Case:
    return loaded()


def loaded(*words: str) -> case.Case:
    made = case.read((*TINY, *words))
    made.data.load(made.runtime.place())
    return made


def test_every_contestant_is_timed_and_told(told: dict) -> None:
    everyone = set(ABOUT) - {"plain_workers"}
    assert set(told["ms_per_step"]) == everyone
    assert {name: spread["n"] for name, spread in told["ms_per_step"].items()} == dict.fromkeys(everyone, 5) | {
        "look": 2
    }
    assert all(0 < s["low"] <= s["median"] <= s["high"] for s in told["ms_per_step"].values())
    assert set(told["ratios"]) == set(TITLES) - {"speed_over_plain_workers"}
    assert told["where"]["hardware"] and told["where"]["threads"] == torch.get_num_threads()
    assert told["where"]["versions"]["torch"]
    assert told["what"]["batch"] == 16 and told["what"]["runtime"]["precision"] == "float32"
    assert told["settings"]["sampler"]["k"] == 12
    assert told["bytes"]["process"] > 2**20


def test_ratios_are_those_of_the_medians(told: dict) -> None:
    ms = {name: spread["median"] for name, spread in told["ms_per_step"].items()}
    expected = {
        "step_over_floor": ms["ours"] / ms["floor"],
        "speed_over_plain": ms["plain"] / ms["ours"],
        "time_of_kd": ms["ours"] / ms["kd"],
        "share_of_data": ms["data"] / ms["ours"],
        "share_of_looks": ms["look"] / 100 / ms["ours"],
    }
    assert {name: spread["median"] for name, spread in told["ratios"].items()} == pytest.approx(expected)
    assert told["images_per_second"]["ours"] == pytest.approx(16_000 / ms["ours"])
    assert told["compute"]["time_saved"] == pytest.approx(100 - 100 * ms["ours"] / ms["kd"])


def test_flops_saved_are_those_that_the_cost_counts(told: dict, tiny: case.Case) -> None:
    rho = tiny.cost.teacher / tiny.cost.student
    for price in (1, 2):
        saved = told["compute"][f"flops_saved_backward_{price}"]
        assert saved == 100 - tiny.cost.percent_of_kd(price)
        assert saved == pytest.approx(100 - 100 * (12 / 16 + 1 / (rho + 1 + price)))  # the paper's formula
        assert told["compute"][f"points_behind_backward_{price}"] == saved - told["compute"]["time_saved"]


def test_the_picture_shows_everyone(told: dict) -> None:
    root = ElementTree.fromstring(told["picture"])
    shown = " ".join(root.itertext())
    assert all(ABOUT[name] in shown for name in told["ms_per_step"])


def test_a_disturbed_round_disturbs_a_ratio_less_than_the_times() -> None:
    quiet, busy = [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 3.0, 3.0]
    spread = ratio([2 * slow * time for slow, time in zip(busy, quiet, strict=True)], busy)
    assert spread == (2, 2, 2, 4)


def test_turns_go_back_and_forth() -> None:
    order: list[str] = []
    everyone = [Contestant(name, lambda name=name: order.append(name)) for name in "abc"]
    seconds = alternate(everyone, 3, 2, nothing, lambda things, label, total: things)
    assert "".join(order) == "aabbccccbbaaaabbcc"
    assert [len(values) for values in seconds.values()] == [3, 3, 3]


def test_what_belongs_around_a_turn_is_not_timed() -> None:
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
    replay = captured(floor)
    tracked = floor.student.bn1.num_batches_tracked.item()
    replay()
    assert floor.student.bn1.num_batches_tracked.item() == tracked + 2  # scouted and learned


def test_the_plain_loop_sees_the_images_that_we_see() -> None:
    still = loaded("dataset.augment=false")
    batch = next(endless(still))
    pictures = plain.pictures(still)
    found = [pictures[int(place)] for place in batch.index]
    torch.testing.assert_close(torch.stack([image for image, _ in found]), batch.images)
    assert [label for _, label in found] == batch.targets.argmax(1).tolist()
    assert pictures[0][0].is_contiguous()


def test_the_plain_loop_augments_as_we_do(tiny: case.Case) -> None:
    kinds = [type(one).__name__ for one in plain.pictures(tiny).transform.transforms]
    assert kinds == ["RandomCrop", "RandomHorizontalFlip", "ToTensor", "Normalize"]
    assert plain.pictures(tiny).transform.transforms[0].padding == tiny.data.margin == 4
    drawn = tiny.data.read(None)[0].pixels
    assert np.array_equal(plain.pictures(tiny).pixels, drawn), "cropped from the image, not from its padding"


@pytest.mark.parametrize("words", [(), ("sampler=everything",), ("sampler.uncertainty=margin", "sampler.w=1000")])
def test_the_plain_loop_learns_what_we_learn(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same weights, images and chance give the same mixed images and the same loss."""
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

    student, teacher = networks(alike)
    distiller = case.build.distiller(alike.settings, student, watched(teacher))
    ours = distiller(batch)
    student, teacher = alike.networks()
    loss, _, labels = plain.Plain(alike, student, watched(teacher)).learn(batch.images, batch.targets.argmax(1))

    torch.testing.assert_close(*taught)
    assert len(labels) == len(taught[0]) == alike.cost.images.learned
    assert abs(loss.item() - sum(ours.values()).item()) < 1e-4
    assert loss.item() > 1e-3


def test_the_plain_loop_updates_and_reads_every_step(tiny: case.Case) -> None:
    loop = plain.Plain(tiny, *tiny.networks())
    before = loop.student.fc.weight.clone()
    for _ in range(7):  # an epoch is six
        loop()
    assert not torch.equal(before, loop.student.fc.weight)
    assert loop.losses.count == 7 * 12 and loop.losses.sum > 0
    assert 0 <= loop.top1.sum <= loop.top5.sum


def test_processes_that_load_work_in_their_turn_alone(tiny: case.Case) -> None:
    loop = plain.Plain(tiny, *tiny.networks(), workers=1)
    loop.start()
    assert len(multiprocessing.active_children()) == 1
    assert loop.losses.count == 2 * 12  # the lead that the worker had
    loop.stop()
    assert not multiprocessing.active_children()


def test_a_method_that_the_plain_loop_has_not_is_timed_without_it() -> None:
    assert plain.can_show(case.read(TINY))
    assert not plain.can_show(case.read((*TINY, "sampler=random")))
    assert not plain.can_show(case.read((*TINY, "criterion=[kd,sp]")))


def test_kd_is_not_compared_with_itself(bench: Bench) -> None:
    said = bench(*TINY, "sampler=everything", "runtime.analysis=false", "--steps", "2")
    assert said.code == 0, said.err
    assert "full step / floor" in said.out
    assert "kd " not in said.out and "saved" not in said.out and "look" not in said.out


def test_several_runs_at_once_are_timed_in_processes_of_their_own(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_line, "TURNS", 2)
    monkeypatch.setattr(command_line, "SECONDS", 0.3)
    said = bench(*TINY, "--together", "1,2", "--json", "told.json")
    assert said.code == 0, said.err
    assert not multiprocessing.active_children()
    told = json.loads(Path("told.json").read_text())
    speed = told["images_per_second"]
    assert [spread["n"] for spread in speed.values()] == [2, 2]
    assert told["over_the_first"] == {"1": 1.0, "2": speed["2"]["median"] / speed["1"]["median"]}
    assert 0.2 < told["over_the_first"]["2"] < 5
    assert [line.split()[0] for line in said.lines[-2:]] == ["1", "2"]


@pytest.fixture
def again(bench: Bench, told: dict, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The bench, which measures what it measured before."""
    monkeypatch.setattr(command_line, "timed", lambda *_: copy.deepcopy(told))
    return lambda *words: bench(*TINY, *words)


def planted(told: dict, name: str, median: float, **changes: dict) -> str:
    """A file in which a ratio was another one, to the digit."""
    then = copy.deepcopy(told) | changes
    then["ratios"][name] = {"median": median, "low": median, "high": median, "n": 5}
    Path("then.json").write_text(json.dumps(then))
    return "then.json"


def test_a_ratio_that_got_worse_ends_the_command_with_1(again: Bench, told: dict) -> None:
    said = again("--compare", planted(told, "step_over_floor", told["ratios"]["step_over_floor"]["median"] - 100))
    assert said.code == 1
    assert [line.split()[:3] for line in said.lines if line.endswith("worse")] == [["full", "step", "/"]]


def test_a_ratio_that_got_better_or_moved_within_its_spread_is_no_complaint(again: Bench, told: dict) -> None:
    now = told["ratios"]["step_over_floor"]
    within = now["median"] - 0.9 * max(now["high"] - now["low"], 0.01)
    for then in (now["median"] + 100, within):
        said = again("--compare", planted(told, "step_over_floor", then))
        assert said.code == 0
        assert "worse" not in said.out and "full step / floor" in said.out


def test_more_speed_over_the_plain_loop_is_better(again: Bench, told: dict) -> None:
    now = told["ratios"]["speed_over_plain"]["median"]
    assert again("--compare", planted(told, "speed_over_plain", now + 100)).code == 1
    assert again("--compare", planted(told, "speed_over_plain", now - 100)).code == 0


def test_another_machine_is_shown_and_not_judged(again: Bench, told: dict) -> None:
    elsewhere = {"where": {**told["where"], "hardware": "NVIDIA H200"}}
    said = again("--compare", planted(told, "step_over_floor", -100, **elsewhere))
    assert said.code == 0
    assert said.lines[-1].startswith("not judged, as these differ: hardware NVIDIA H200 -> ")
    assert "worse" not in said.out


def test_a_setting_that_one_of_two_states_does_not_know_is_no_difference(told: dict) -> None:
    then = copy.deepcopy(told)
    then["what"]["runtime"]["new"] = 1
    assert compare.differences(then, told) == compare.differences(told, then) == []
    then["what"]["runtime"]["precision"] = "bf16"
    assert compare.differences(then, told) == ["runtime.precision bf16 -> float32"]


def test_the_known_state_of_this_case_and_hardware_is_compared_with(again: Bench, told: dict) -> None:
    assert "then" not in again().out
    planted(told, "step_over_floor", -100)
    assert again().code == 1
    assert "since then.json" in again().out


def test_what_is_kept_can_be_compared_with() -> None:
    kept = sorted((Path(compare.__file__).parent / "known").glob("*.json"))
    assert kept
    for path in kept:
        now = compare.read(path)
        assert compare.differences(now, now) == []
        assert not any(change.worse for change in compare.changes(now, now))


def test_a_chip_is_known_by_its_whole_name() -> None:
    assert peak_of("NVIDIA H200", "bf16") == 989.4
    assert peak_of("NVIDIA H200", "float32") == 494.7
    assert peak_of("NVIDIA H200 MIG 1g.18gb", "bf16") is None
    assert all(1.9 < peak.bf16 / peak.tf32 < 2.1 for peak in PEAKS.values())


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["sampler.kk=4"], "sampler 'unix' has no setting 'kk'; did you mean 'k'?"),
        (["sampler.k=17"], "sampler.k is 17; choose 1 to 16, the batch size"),
        (["pair=vgg13_vgg9"], "pair 'vgg13_vgg9' does not exist"),
        (["recipe.batch=97"], "recipe.batch is 97, but the dataset has 96 training images"),
        (["distiller=supervised"], "needs a teacher"),
        (["vgg13_vgg8"], "cannot read 'vgg13_vgg8'; write a"),
        (["--steps", "1"], "--steps is 1; choose 2 or more"),
        (["--workers", "-1"], "--workers is -1; choose 0 or more"),
        (["--together", "1,2", "--steps", "9"], "--together times whole runs; leave out --steps"),
        (["--json", "nowhere/told.json"], "--json is nowhere/told.json; give a file in a folder that is there"),
        (["--compare", "nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        (["--compare", "empty.json"], "empty.json is none of the bench's"),
    ],
)
def test_a_mistake_is_one_line(bench: Bench, words: list[str], complaint: str) -> None:
    Path("empty.json").write_text("[]")
    said = bench(*[word for word in TINY if word.partition("=")[0] not in words[0]], *words)
    assert said.code == 2
    assert said.err.startswith("error: ") and len(said.err.splitlines()) == 1
    assert complaint in said.err


def test_help_answers_at_once() -> None:
    code = (
        "import sys, runpy; sys.argv = ['bench', '--help']\n"
        "try: runpy.run_module('unix_exp.bench', run_name='__main__')\n"
        "finally: print('heavy:', sorted({'torch', 'hydra', 'wandb', 'torchvision'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "key=value" in said.stdout and said.stdout.endswith("heavy: []\n")
