from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, Command, only

from unix_exp.sinks import wandb as sink
from unix_exp.types import Record

ONLINE = tuple(word for word in TINY if word != "logger=none")


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has never heard of W&B."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sink.SAID.clear()


def test_without_a_key_it_logs_offline_and_says_so_once(command: Command, tmp_path: Path) -> None:
    said = command(*ONLINE)
    assert said.code == 0, said.err
    assert said.out.count("W&B: no key found, logging offline") == 1, (
        "the teacher's run and the student's share a notice"
    )
    assert "wandb:" not in said.out + said.err
    run = only(Path("runs"), "*-s*")
    content = only(run / "wandb", "offline-run-*").glob("*.wandb").__next__().read_bytes()
    record = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    for name in (*record, "resnet8_wrn_16_1-unix"):  # every metric, and the group
        assert name.encode() in content
    assert not list(tmp_path.glob(".cache/**/*")), "nothing lands in the home folder"


def test_logger_none_never_mentions_it(command: Command) -> None:
    said = command(*TINY)
    assert "W&B" not in said.out + said.err
    assert not list(Path("runs").glob("*/wandb"))


def test_a_failure_of_wandb_never_ends_a_run(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **settings: Any) -> None:
        raise RuntimeError("the service is down")

    monkeypatch.setattr("wandb.init", fail)
    said = command(*ONLINE)
    assert said.code == 0
    assert "W&B stopped (the service is down); the run goes on without it" in said.out
    assert only(Path("runs"), "*-s*").joinpath("result.json").exists()


class Broken:
    def log(self, values: dict) -> None:
        raise OSError("disk full")


def test_a_failure_half_way_stops_only_the_mirror() -> None:
    told: list[str] = []
    mirror = sink.Wandb.__new__(sink.Wandb)
    mirror.say, mirror.run = told.append, Broken()
    mirror(Record(1, {"train/loss": 1.0}))
    mirror(Record(2, {"train/loss": 1.0}))
    mirror.close()
    assert len(told) == 1
    assert "W&B stopped" in told[0]
