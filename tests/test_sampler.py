"""What a sampler may do beside choosing: pick an epoch's images, hear what was learned, look at other networks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from common import SIDE, TINY, only
from own import check_that_it_resumes, register, trained
from torch import Tensor, nn

import unix_exp
from unix_exp.registry import samplers
from unix_exp.run.checkpoint import read_state
from unix_exp.samplers.selection import take
from unix_exp.samplers.uncertainty import entropy
from unix_exp.types import Batch, Facts, Mistake, Output, Scout

pytestmark = pytest.mark.usefixtures("taught")


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Half(nn.Module):
    """Every second epoch trains on the images that the student was least sure of; the others on all."""

    surprise: Tensor

    def __init__(self, facts: Facts, chosen: int = 24) -> None:
        super().__init__()
        self.chosen = chosen
        self.register_buffer("surprise", torch.zeros(facts.train_count))

    def begin(self, epoch: int) -> Tensor | None:
        return self.surprise.topk(self.chosen).indices if epoch % 2 else None

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        return batch

    def learned(self, batch: Batch, student: Output) -> None:
        self.surprise.index_copy_(0, batch.index, entropy(student.logits))


def test_an_epoch_of_chosen_images_has_fewer_steps_and_draws_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, half=Half)
    begun, drawn = Half.begin, []

    def begin(self: Half, epoch: int) -> Tensor | None:
        drawn.append(begun(self, epoch))
        return drawn[-1]

    monkeypatch.setattr(Half, "begin", begin)
    seen: list[Tensor] = []
    learned = Half.learned

    def learn(self: Half, batch: Batch, student: Output) -> None:
        if not batch.index.is_meta:
            seen.append(batch.index)
        learned(self, batch, student)

    monkeypatch.setattr(Half, "learned", learn)
    first, second, third = trained("sampler=half", "recipe.epochs=3", "recipe.batch=8")
    assert [len(part) for part in (seen[:6], seen[6:9], seen[9:])] == [6, 3, 6]
    assert set(torch.cat(seen[6:9]).tolist()) == set(drawn[1].tolist())
    assert sum(second.arrays["drawn_per_class"]) == 24
    cost = [record.values["cost/total_gflops"] for record in (first, second, third)]
    assert cost[1] / cost[0] == pytest.approx(1.5) and cost[2] / cost[0] == pytest.approx(2.5)
    assert first.values["cost/percent_of_kd"] == pytest.approx(100)
    assert third.values["cost/percent_of_kd"] == pytest.approx(100 * 15 / 18), "beside full epochs of plain KD"


def test_a_sampler_s_memory_resumes_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, half=Half)
    check_that_it_resumes("sampler=half", "recipe.epochs=4", "recipe.batch=8", after=(3,))


def test_too_few_chosen_images_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, half=Half)
    with pytest.raises(Mistake, match=r"^the sampler chose 5 images for epoch 2; a batch needs 16$"):
        trained("sampler=half", "sampler.chosen=5", "recipe.epochs=2")


def test_learned_hears_the_whole_output_of_what_was_trained_on_without_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[tuple[Batch, Output]] = []

    class Hearing:
        def __call__(self, batch: Batch, scout: Scout) -> Batch:
            return take(batch, torch.arange(5, device=batch.index.device))

        def learned(self, batch: Batch, student: Output) -> None:
            assert not torch.is_grad_enabled()
            if not batch.index.is_meta:
                heard.append((batch, student))

    register(monkeypatch, samplers, hearing=Hearing)
    records = trained("sampler=hearing")
    batch, student = heard[0]
    assert len(heard) == 3 and len(batch.index) == len(student.logits) == 5
    assert [maps.shape[1] for maps in student.features] == [16, 16, 32, 64, 64]
    assert not any(one.requires_grad for one in (student.logits, student.embedding, *student.features))
    assert records[0].values["train/loss"] > 0


def looking_at(role: str, heard: Callable[[Output], Any]) -> type:
    class Looking:
        networks: ClassVar[tuple[str, ...]] = (role,)

        def __call__(self, batch: Batch, scout: Scout) -> Batch:
            seen = scout(batch.images, who=role)
            assert not seen.logits.requires_grad
            if not batch.index.is_meta:
                heard(seen)
            return take(batch, entropy(seen.logits).argsort(descending=True)[:8])

    return Looking


NOT_OF_A_STUDENT = (("resnet8", 1000), ("resnet14", 1000), ("resnet14", 3))
HOLDOUT = ("sampler=looking", "+model@networks.holdout=resnet14")


def test_a_network_that_a_sampler_declares_is_from_the_store_looked_at_and_paid_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[Output] = []
    register(monkeypatch, samplers, looking=looking_at("holdout", heard.append))
    (record,) = trained(*HOLDOUT)
    assert "holdout resnet14 is not in teachers/: training it first" in capfd.readouterr().out
    assert len(heard) == 3 + 1, "of three steps, and of the batch whose images looks.json shows"
    side = {name: 16 * gflops(name) for name in ("resnet14", "resnet8")}
    assert record.values["cost/other_gflops"] == pytest.approx(3 * side["resnet14"])
    assert record.values["cost/teacher_gflops"] == pytest.approx(3 * side["resnet8"] / 2)
    assert record.values["cost/scout_gflops"] == 0

    result = read_result()
    made = only(Path("teachers"), "resnet14-*")
    assert result["networks"]["holdout"]["run"] == made.name
    assert result["cost"]["once"].keys() == {"teacher"}, "whose training serves every method"
    of_holdout = json.loads((made / "result.json").read_text())["cost"]["gflops"]["total_gflops"]
    assert record.values["cost/beforehand_gflops"] == pytest.approx(of_holdout)
    trained(*HOLDOUT, "seed=1")
    assert "training it first" not in capfd.readouterr().out, "trained once"
    holdout = unix_exp.load(only(Path("runs"), "*-s0-*"), role="holdout")
    kept = read_state(made / "student.safetensors")
    assert all(torch.equal(value, kept[name]) for name, value in holdout.state_dict().items())


def test_a_stored_network_whose_file_was_replaced_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, looking=looking_at("holdout", lambda seen: None))
    trained(*HOLDOUT)
    made = only(Path("teachers"), "resnet14-*")
    (made / "student.safetensors").write_bytes(replaced(made / "student.safetensors"))
    with pytest.raises(Mistake, match=r"student\.safetensors is not the file that its run wrote; delete teachers/res"):
        trained(*HOLDOUT, "seed=1")


def test_another_holdout_is_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, looking=looking_at("holdout", lambda seen: None))
    for words in (HOLDOUT, HOLDOUT[:1], (*HOLDOUT, "+networks.holdout.seed=3")):
        trained(*words)
    assert len(list(Path("runs").glob("*-s0-*"))) == 3
    made = {folder.name.rpartition("-")[0] for folder in Path("teachers").glob("*-s*")}
    assert made == {f"{name}-shapes-teacher-s{seed}" for name, seed in NOT_OF_A_STUDENT}, "none of a student's seed"


def test_a_network_that_nobody_declares_is_refused_in_one_line(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "teachers")
    with pytest.raises(Mistake, match=r"^networks\.holdot: this method uses no such network"):
        unix_exp.fit(*TINY, "+model@networks.holdot=resnet14")
    assert not list(tmp_path.iterdir())


def gflops(name: str) -> float:
    from unix_exp.cost.network import gflops as count

    return count(unix_exp.model(name, num_classes=24), SIDE)


def read_result() -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads((only(Path("runs"), "*-s0-*") / "result.json").read_text())
    return found


def replaced(path: Path) -> bytes:
    from safetensors.torch import save

    return save({name: value + 1 for name, value in read_state(path).items()})
