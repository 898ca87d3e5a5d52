"""What W&B is told, and what happens when it fails."""

from __future__ import annotations

import json
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import mirrored
import pytest
import wandb
import yaml
from common import MIRRORED, TINY, Command, only

from unix_exp import config
from unix_exp.sinks import wandb as sink
from unix_exp.types import Record

pytestmark = pytest.mark.usefixtures("no_key")


def test_without_a_key_it_logs_offline_and_says_so_once(command: Command) -> None:
    said = command(*MIRRORED)
    assert said.code == 0, said.err
    assert said.out.count("W&B: no key found, logging offline") == 1, (
        "the teacher's run and the student's share a notice"
    )
    assert "wandb:" not in said.out + said.err


def test_nothing_lands_in_the_home_folder(offline_run: Path) -> None:
    assert not list((offline_run.parents[1] / "home").rglob("*"))


def test_every_setting_is_in_the_mirror(offline_run: Path) -> None:
    settings = yaml.safe_load((offline_run / "config.yaml").read_text())
    result = json.loads((offline_run / "result.json").read_text())
    named = {key: result[key] for key in ("pair", "method", "identity")}
    assert config.without(mirrored.read(offline_run).config, "_wandb") == settings | named


def test_the_mirror_is_named_and_grouped_as_the_run_is(offline_run: Path) -> None:
    run = mirrored.read(offline_run).run
    assert (run.display_name, run.run_id) == (offline_run.name, offline_run.name.rpartition("-")[2])
    assert (run.project, run.run_group) == ("unix_exp", "resnet8_resnet8-unix")
    assert set(run.tags) == {"resnet8_resnet8", "unix", "shapes", "first", "second"}


def test_every_value_of_every_epoch_is_in_the_mirror(offline_run: Path) -> None:
    history = mirrored.read(offline_run).history
    own = [{key: value for key, value in record.items() if not key.startswith("_")} for record in history]
    assert own == [json.loads(line) for line in (offline_run / "metrics.jsonl").read_text().splitlines()]
    assert ["test/top1" in record for record in own] == [False, True, True]


def test_accuracy_and_loss_are_drawn_over_compute_and_the_rest_over_epochs(offline_run: Path) -> None:
    mirror = mirrored.read(offline_run)
    for metric in json.loads((offline_run / "metrics.jsonl").read_text().splitlines()[-1]):
        if metric in (sink.COST_AXIS, "epoch"):
            assert mirror.axes[metric] == "", "an axis has none"
            continue
        (axis,) = (axis for pattern, axis in mirror.axes.items() if fnmatch(metric, pattern))
        assert axis == (sink.COST_AXIS if metric.startswith(("test/", "train/")) else "epoch"), metric


def test_the_summary_is_the_result_without_its_settings(offline_run: Path) -> None:
    mirror = mirrored.read(offline_run)
    recorded = json.loads((offline_run / "result.json").read_text())
    result = config.flat(config.without(recorded, "settings"), between="/")
    summary = {key: value for key, value in mirror.summary.items() if not key.startswith("_")}
    last = json.loads((offline_run / "metrics.jsonl").read_text().splitlines()[-1])
    assert summary == last | result
    assert mirror.exit_code == 0


def test_an_agent_of_a_wandb_sweep_names_its_run_and_not_the_teachers(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "agent1")
    wandb.teardown()  # it reads the environment once a process
    assert command(*MIRRORED).code == 0
    (student,) = Path("runs").glob("*/wandb/offline-run-*")
    assert student.name.endswith("-agent1")
    assert not list(Path("teachers").glob("*/wandb")), "it has one run, and that is the student's"


def test_logger_none_never_mentions_it(command: Command) -> None:
    said = command(*TINY)
    assert "W&B" not in said.out + said.err
    assert not list(Path("runs").glob("*/wandb"))


def test_a_failure_of_wandb_never_ends_a_run(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **settings: Any) -> None:
        raise RuntimeError("the service is down")

    monkeypatch.setattr("wandb.init", fail)
    said = command(*MIRRORED)
    assert said.code == 0
    assert "W&B stopped (the service is down); the run goes on without it" in said.out
    assert only(Path("runs"), "*-s*").joinpath("result.json").exists()


class Broken:
    def log(self, values: dict) -> None:
        raise OSError("disk full")


def test_a_failure_half_way_stops_only_the_mirror() -> None:
    told: list[str] = []
    mirror = sink.Wandb.__new__(sink.Wandb)
    mirror.say, mirror.stopped, mirror.run = told.append, False, Broken()
    mirror(Record(1, {"train/loss": 1.0}))
    mirror(Record(2, {"train/loss": 1.0}))
    mirror.close(failed=False)
    assert len(told) == 1
    assert "W&B stopped" in told[0]
