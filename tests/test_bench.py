"""The bench's command: what it times, which figures follow, and what it refuses."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from benches import TINY, loaded
from common import Command

from unix_exp.bench import __main__ as command_line
from unix_exp.bench import compare
from unix_exp.bench.chips import PEAKS, peak_of
from unix_exp.bench.figures import ratio
from unix_exp.bench.rows import ABOUT
from unix_exp.bench.table import TITLES


@pytest.fixture
def bench(typed: Callable[..., Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Type `python -m unix_exp.bench WORDS` in an empty folder, with no kept states."""
    monkeypatch.setattr(compare, "KNOWN", tmp_path)
    return typed(command_line.main)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One bench of the smallest networks, as its JSON has it, and its picture."""
    folder = tmp_path_factory.mktemp("bench")
    with pytest.MonkeyPatch.context() as patch:
        words = [*TINY, "--steps", "5", "--json", str(folder / "now.json"), "--picture", str(folder / "now.svg")]
        patch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
    assert not ended.value.code
    return json.loads((folder / "now.json").read_text()) | {"picture": (folder / "now.svg").read_text()}


def test_every_contestant_is_timed_and_listed(figures: dict[str, Any]) -> None:
    everyone = set(ABOUT) - {"plain_workers"}
    counts = {name: spread["n"] for name, spread in figures["ms_per_step"].items()}
    assert counts == dict.fromkeys(everyone, 5) | {"look": 2}
    assert all(0 < s["low"] <= s["median"] <= s["high"] for s in figures["ms_per_step"].values())
    assert set(figures["ratios"]) == set(TITLES) - {"speed_over_plain_workers"}
    assert figures["where"]["hardware"] and figures["where"]["threads"] == torch.get_num_threads()
    assert figures["where"]["versions"]["torch"]
    assert figures["what"]["batch"] == 16 and figures["what"]["runtime"]["precision"] == "float32"
    assert figures["settings"]["sampler"]["k"] == 12
    assert figures["bytes"]["process"] > 2**20


def test_ratios_are_those_of_the_medians(figures: dict[str, Any]) -> None:
    ms = {name: spread["median"] for name, spread in figures["ms_per_step"].items()}
    expected = {
        "step_over_floor": ms["ours"] / ms["floor"],
        "speed_over_plain": ms["plain"] / ms["ours"],
        "time_of_kd": ms["ours"] / ms["conventional"],
        "share_of_data": ms["data"] / ms["ours"],
        "share_of_looks": ms["look"] / 100 / ms["ours"],
    }
    assert {name: spread["median"] for name, spread in figures["ratios"].items()} == pytest.approx(expected)
    assert figures["images_per_second"]["ours"] == pytest.approx(16_000 / ms["ours"])
    assert figures["compute"]["time_saved"] == pytest.approx(100 - 100 * ms["ours"] / ms["conventional"])


def test_flops_saved_are_those_that_the_cost_counts(figures: dict[str, Any]) -> None:
    cost = loaded().cost
    rho = cost.teacher / cost.student
    for price in (1, 2):
        saved = figures["compute"][f"flops_saved_backward_{price}"]
        assert saved == 100 - cost.percent_of_kd(price)
        assert saved == pytest.approx(100 - 100 * (12 / 16 + 1 / (rho + 1 + price)))  # the paper's formula
        assert figures["compute"][f"points_behind_backward_{price}"] == saved - figures["compute"]["time_saved"]


def test_the_picture_shows_everyone(figures: dict[str, Any]) -> None:
    shown = " ".join(ElementTree.fromstring(figures["picture"]).itertext())
    assert all(ABOUT[name] in shown for name in figures["ms_per_step"])


def test_what_slows_a_whole_round_changes_no_ratio_but_only_its_spread() -> None:
    quiet, busy = [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 3.0, 3.0]
    spread = ratio([2 * slow * time for slow, time in zip(busy, quiet, strict=True)], busy)
    assert spread == (2, 2, 2, 4)


def test_kd_is_not_compared_with_itself(bench: Command) -> None:
    said = bench(*TINY, "sampler=everything", "runtime.analysis=false", "--steps", "2")
    assert said.code == 0, said.err
    assert "full step / floor" in said.out
    assert "kd " not in said.out and "saved" not in said.out and "look" not in said.out


def test_several_runs_at_once_are_timed_in_processes_of_their_own(
    forked: Path, bench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command_line, "TURNS", 2)
    monkeypatch.setattr(command_line, "SECONDS", 0.3)
    said = bench(*TINY, "--together", "1,2", "--json", "now.json")
    assert said.code == 0, said.err
    assert not multiprocessing.active_children()
    figures = json.loads(Path("now.json").read_text())
    speed = figures["images_per_second"]
    assert [spread["n"] for spread in speed.values()] == [2, 2]
    assert figures["over_the_first"] == {"1": 1.0, "2": speed["2"]["median"] / speed["1"]["median"]}
    assert 0.2 < figures["over_the_first"]["2"] < 5
    assert [line.split()[0] for line in said.lines[-2:]] == ["1", "2"]


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
        (["--together", "1,2", "--steps", "9"], "--together times several runs at once; leave out --steps"),
        (["--json", "nowhere/now.json"], "--json is nowhere/now.json; give a file in a folder that exists"),
        (["--compare", "nowhere.json"], "cannot read nowhere.json: No such file or directory"),
        (["--compare", "empty.json"], "empty.json is not from the bench"),
    ],
)
def test_a_mistake_is_one_line(bench: Command, words: list[str], complaint: str) -> None:
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
