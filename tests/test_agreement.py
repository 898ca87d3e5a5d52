"""How often student and teacher guess the same class is measured where it is asked for, and changes nothing else."""

from __future__ import annotations

from typing import Any

import torch
from assembled import Case, Noise, training

from unix_exp.engine.loop import train
from unix_exp.engine.runtime import Runtime
from unix_exp.probes.agreement import Agreement

KD = Case("offline", "everything", ("kd",))
ASKED = Runtime(device="cpu", agreement=True)


def counted(run: Any) -> float:
    """By the probe, which looks at both networks afterwards."""
    networks = {role: getattr(run.method, role).eval() for role in ("student", "teacher")}
    return float(Agreement(5)(networks, run.data)["agreement"])


def test_the_last_agreement_is_what_the_probe_finds_afterwards() -> None:
    found = []
    for case in (KD, KD._replace(average=True)):  # the average has changed since the first epoch
        run = training(case, ASKED)
        measured = [record.values["test/agreement"] for record in train(run)]
        assert measured[-1] == counted(run) == run.progress.last["agreement"]
        found += measured
    assert len(set(found)) > 1, "this test would see a constant"


def test_it_is_measured_only_where_it_is_asked_for_and_there_is_a_teacher() -> None:
    assert "test/agreement" not in list(train(training(KD)))[-1].values
    alone = Case("supervised", "everything", ("ce",))
    assert "test/agreement" not in list(train(training(alone, ASKED)))[-1].values


def test_measuring_it_changes_no_other_value_and_no_weight() -> None:
    plain, asked = training(KD), training(KD, ASKED)
    for one, other in zip(train(plain), train(asked), strict=True):
        rest = {name: value for name, value in other.values.items() if name != "test/agreement"}
        assert untimed(one.values) == untimed(rest)
    for name, value in plain.method.state().items():
        assert torch.equal(value, asked.method.state()[name]), name


def untimed(values: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in values.items() if not name.startswith("time/")}


def test_a_fixed_teacher_is_asked_once() -> None:
    run = training(KD, ASKED)
    seen: list[int] = []
    run.method.get_submodule("teacher").register_forward_hook(
        lambda module, inputs, output: None if module.training else seen.append(len(inputs[0]))
    )
    run.analysis = None
    list(train(run))
    steps = 2 * Noise.train_count // 16
    assert sum(seen) == Noise.test_count + 16 * steps
