"""The step against stored values of the reference, and its promises to the machine."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from common import Small
from torch import Tensor

import unix_exp
from unix_exp.criteria.at import attention_distance
from unix_exp.criteria.sp import similarity_distance
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.engine.optimiser import optimiser_of
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.step import Step
from unix_exp.engine.tally import Tally
from unix_exp.recipe import Recipe
from unix_exp.registry import criteria
from unix_exp.samplers import unix
from unix_exp.samplers.uncertainty import UNCERTAINTIES
from unix_exp.types import Batch, Facts, Output, Sampler

GOLDEN = {key: torch.from_numpy(value) for key, value in np.load(Path(__file__).parent / "golden/step.npz").items()}
CASES = sorted({re.match(r"(unix_.*)_mixed", key)[1] for key in GOLDEN if key.endswith("_mixed")})


def batch_of(images: Tensor, labels: Tensor, classes: int = 100) -> Batch:
    return Batch(images, F.one_hot(labels, classes).float(), torch.arange(len(labels)))


def output_of(logits: Tensor) -> Output:
    return Output(logits, (logits,), logits)


@pytest.mark.parametrize("case", CASES)
def test_unix_mixes_the_reference_images(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    w, k, b, lam = map(float, re.fullmatch(r"unix_w(\d+)_k(\d+)_b(\d+)_lam([\d.]+)", case).groups())
    monkeypatch.setattr(unix, "beta", lambda alpha, device: torch.tensor(lam))
    monkeypatch.setattr(unix, "shuffled", lambda batch: GOLDEN["permutation"])
    sampler = unix_exp.sampler("unix", k=int(k), w=w, b=b)
    given = batch_of(GOLDEN["images"], GOLDEN["labels"])

    mixed = sampler(given, lambda images, mode: output_of(GOLDEN["probe_logits"]))

    assert torch.equal(mixed.index, GOLDEN[f"{case}_rank"][: int(k)])
    torch.testing.assert_close(mixed.images, GOLDEN[f"{case}_mixed"], atol=1e-6, rtol=0)
    c = unix.correction(64, w, b, torch.device("cpu"))
    torch.testing.assert_close(c, GOLDEN[f"{case}_correction"], atol=1e-6, rtol=0)

    student, teacher = (output_of(GOLDEN[f"{role}_logits"][: int(k)]) for role in ("student", "teacher"))
    kd, ce = unix_exp.criterion("kd", tau=4.0), unix_exp.criterion("ce")
    torch.testing.assert_close(kd(student, teacher, mixed), GOLDEN[f"{case}_kd"], atol=1e-5, rtol=0)
    torch.testing.assert_close(ce(student, teacher, mixed), GOLDEN[f"{case}_ce"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", sorted(UNCERTAINTIES))
def test_uncertainties_equal_the_reference(name: str) -> None:
    score = UNCERTAINTIES[name](GOLDEN["probe_logits"])
    torch.testing.assert_close(score, GOLDEN[f"score_{name}"], atol=1e-6, rtol=0)


def test_attention_and_similarity_equal_the_reference() -> None:
    stages = [(GOLDEN[f"student_stage{i}"], GOLDEN[f"teacher_stage{i}"]) for i in range(3)]
    terms = torch.stack([attention_distance(*stage).mean() for stage in stages])
    torch.testing.assert_close(terms, GOLDEN["at_terms"], atol=1e-5, rtol=0)
    torch.testing.assert_close(similarity_distance(*stages[2])[None], GOLDEN["sp_last_stage"], atol=1e-5, rtol=0)
    student, teacher = (Output(m[0], (m[0], *m, m[0]), m[0]) for m in zip(*stages, strict=True))
    given = batch_of(GOLDEN["images"], GOLDEN["labels"])
    at = unix_exp.criterion("at")(student, teacher, given)
    torch.testing.assert_close(at, GOLDEN["at_terms"].sum(), atol=1e-5, rtol=0)


def test_a_sure_network_is_never_ranked_unsure() -> None:
    logits = torch.tensor([[400.0, -400.0, 0.0], [1.0, 1.0, 1.0]])
    for uncertainty in UNCERTAINTIES.values():
        score = uncertainty(logits)
        assert torch.isfinite(score).all()
        assert score[1] > score[0]


def test_what_a_mix_shows_is_what_its_target_says() -> None:
    """Images that are their own one-hot targets stay so, whatever the sampler does with them."""
    torch.manual_seed(0)
    targets = torch.eye(32)
    batch = Batch(targets[:, :, None, None], targets, torch.arange(32))
    for name in ("unix", "mixup", "nonadaptive", "random", "uncertain", "everything"):
        settings = {} if name == "everything" else {"k": 20}
        got = unix_exp.sampler(name, **settings)(batch, lambda images, mode: output_of(torch.randn(len(images), 10)))
        assert len(got.images) == len(got.targets) == len(got.index) == settings.get("k", 32)
        torch.testing.assert_close(got.images[:, :, 0, 0], got.targets)
        torch.testing.assert_close(got.targets.sum(1), torch.ones(len(got.targets)))


def test_unix_mixes_easy_images_more() -> None:
    share = unix.correction(64, 10.0, None, torch.device("cpu"))
    assert (share.diff() > 0).all()
    assert share[0] < 0.01 < 0.99 < share[-1]
    assert share[32] > 0.5 > share[31]


def test_unix_computes_its_correction_once_for_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = Facts(classes=10, train_count=64, batch=16, epochs=1, size=32, shapes={}, clock=Clock())
    of_a_run, of_none = unix_exp.sampler("unix", facts=facts, w=5.0), unix_exp.sampler("unix", w=5.0)

    def made(sampler: Sampler, size: int) -> Batch:
        torch.manual_seed(0)
        given = batch_of(torch.randn(size, 3, 4, 4), torch.arange(size) % 10, 10)
        return sampler(given, lambda images, mode: output_of(torch.randn(len(images), 10)))

    for size in (16, 12):
        for found, wanted in zip(made(of_a_run, size)[:3], made(of_none, size)[:3], strict=True):
            assert torch.equal(found, wanted)
    monkeypatch.setattr(unix, "correction", None)
    made(of_a_run, 16)
    with pytest.raises(TypeError):
        made(of_a_run, 12)  # not the run's batch


def distiller(sampler: str, runtime: Runtime | None = None, **settings: object) -> Offline:
    torch.manual_seed(0)
    student, teacher = unix_exp.model("resnet8", num_classes=10), unix_exp.model("resnet14", num_classes=10)
    objective = weighted(kd=0.9, ce=0.1, at=1.0)
    networks, chosen = {"student": student, "teacher": teacher}, unix_exp.sampler(sampler, **settings)
    return Offline(Parts(networks, chosen, objective, (runtime or Runtime(device="cpu")).scouting))


def weighted(**weights: float) -> Weighted:
    return Weighted({name: criteria.make(name, {}) for name in weights}, weights)


def some_batch(device: str = "cpu") -> Batch:
    return Batch(
        torch.randn(16, 3, 32, 32, device=device),
        torch.eye(10, device=device)[torch.arange(16) % 10] if device == "cpu" else torch.empty(16, 10, device=device),
        torch.arange(16, device=device),
    )


RECIPE = Recipe(epochs=1, batch=16, lr=0.05, milestones=[])


@pytest.mark.parametrize("sampler", ["unix", "everything", "random", "uncertain", "mixup", "nonadaptive"])
def test_a_whole_step_never_asks_for_a_value(sampler: str) -> None:
    """On the meta device there are no values: forward, backward and update must do without."""
    made = distiller(sampler).to("meta")
    optimiser = torch.optim.SGD((p for p in made.parameters() if p.requires_grad), lr=0.1, momentum=0.9, foreach=True)
    losses = Step(made, optimiser, Runtime(device="cpu"), tally=Tally(16).to("meta"))(some_batch("meta"))
    assert all(term.is_meta for term in losses.terms.values())


@pytest.mark.parametrize(
    ("scout_mode", "precision"), [("train", "float32"), ("frozen", "float32"), ("eval", "float32"), ("train", "bf16")]
)
def test_the_step_compiles_as_one_graph(scout_mode: str, precision: str) -> None:
    torch._dynamo.reset()
    sampler = unix_exp.sampler("unix", scout_mode=scout_mode)
    runtime = Runtime(device="cpu", scout_precision=precision)
    networks = {"student": Small(), "teacher": Small()}
    made = Offline(Parts(networks, sampler, weighted(kd=0.9, ce=0.1), runtime.scouting))
    compiled = torch.compile(made, fullgraph=True, backend="aot_eager")
    sum(compiled(some_batch()).terms.values()).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in made.student.parameters())
    assert all(p.grad is None for p in made.teacher.parameters())


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.long)])
def test_one_step_of_unix_runs_compiled(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """runtime.compile=true is this; the C++ compiler behind PyTorch's own backend takes a minute."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    compile, asked = torch.compile, []
    monkeypatch.setattr(
        torch, "compile", lambda method, **how: asked.append(how) or compile(method, **how, backend=backend)
    )
    networks = {"student": Small(), "teacher": Small()}
    made = Offline(Parts(networks, unix_exp.sampler("unix"), weighted(kd=1.0)))
    step = Step(made, optimiser_of(RECIPE, made.student.parameters()), Runtime(device="cpu", compile=True))
    before = made.student.fc.weight.clone()
    assert all(torch.isfinite(term) for term in step(some_batch()).terms.values())
    assert not torch.equal(before, made.student.fc.weight) and asked == [{"fullgraph": True}]


@pytest.mark.parametrize(("mode", "running_moves"), [("train", True), ("frozen", False), ("eval", False)])
def test_scouting_moves_batch_norm_only_in_train_mode(mode: str, running_moves: bool) -> None:
    made, batch = distiller("unix"), some_batch()
    norm = made.student.bn1
    before = norm.running_mean.clone()
    logits = made.look(batch.images, mode).logits
    assert torch.equal(before, norm.running_mean) != running_moves
    assert not logits.requires_grad
    assert made.student.training
    assert norm.track_running_stats
    if mode == "frozen":  # the same view of the batch, without the trace
        torch.testing.assert_close(logits, made.look(batch.images, "train").logits)


@pytest.mark.parametrize("mode", ["train", "frozen", "eval"])
def test_a_network_in_eval_mode_stays_so_when_it_is_looked_at(mode: str) -> None:
    made = distiller("unix")
    made.student.eval()
    made.look(some_batch().images, mode)
    assert not made.student.training


def test_the_teacher_never_changes() -> None:
    made = distiller("unix")
    before = {key: value.clone() for key, value in made.teacher.state_dict().items()}
    step = Step(made, optimiser_of(RECIPE, (p for p in made.parameters() if p.requires_grad)), Runtime(device="cpu"))
    made.train()
    for _ in range(2):
        step(some_batch())
    assert all(torch.equal(before[key], value) for key, value in made.teacher.state_dict().items())


def test_a_step_in_bf16_stays_finite() -> None:
    made = distiller("unix")
    step = Step(made, optimiser_of(RECIPE, made.student.parameters()), Runtime(device="cpu", precision="bf16"))
    assert all(torch.isfinite(term) for term in step(some_batch()).terms.values())
    assert all(weight.grad is not None for weight in made.student.parameters()), "scouting must not cut the weights off"


@pytest.mark.parametrize(("own", "scouting"), [("float32", "bf16"), ("bf16", "float32")])
def test_the_student_may_scout_in_a_precision_of_its_own(own: str, scouting: str) -> None:
    runtime = Runtime(device="cpu", precision=own, scout_precision=scouting)
    made, seen = distiller("unix", runtime), []
    made.student.register_forward_hook(
        lambda _, images, said: seen.append((torch.is_grad_enabled(), said.logits.dtype))
    )
    Step(made, optimiser_of(RECIPE, made.student.parameters()), runtime)(some_batch())
    dtypes = {"float32": torch.float32, "bf16": torch.bfloat16}
    assert seen == [(False, dtypes[scouting]), (True, dtypes[own])]


def test_losses_stay_in_float32_whatever_the_networks_precision() -> None:
    torch.manual_seed(0)
    near, other = torch.randn(8, 6, 4, 4), 1e-2 * torch.randn(8, 6, 4, 4)
    student, teacher = (Output(m, (m, m, m), m) for m in (near, near + other))
    objective, batch = weighted(sp=1.0), Batch(near, near, torch.arange(8))
    exact = objective(student, teacher, batch)["sp"]
    with Runtime(device="cpu", precision="bf16").autocast():
        assert torch.equal(objective(student, teacher, batch)["sp"], exact)
