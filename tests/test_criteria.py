"""A criterion gives one loss per image, which a sampler may weight, or compares images with each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

import unix_exp
from unix_exp.config import unwritten
from unix_exp.criteria.weighted import Weighted
from unix_exp.registry import check_settings, criteria
from unix_exp.samplers.mixing import mix
from unix_exp.samplers.selection import take
from unix_exp.types import Batch, Mistake, Output

TAU = 4.0


def outputs() -> tuple[Output, Output]:
    randomness = torch.Generator().manual_seed(0)

    def one() -> Output:
        maps = [torch.randn(6, 8, side, side, generator=randomness) for side in (16, 8, 4)]
        embedding = torch.randn(6, 8, generator=randomness)
        return Output(torch.randn(6, 10, generator=randomness), (maps[0], *maps, embedding), embedding)

    return one(), one()


def batch(weight: Tensor | None = None) -> Batch:
    targets = torch.randn(6, 10, generator=torch.Generator().manual_seed(1)).softmax(dim=1)
    return Batch(torch.zeros(6, 3, 32, 32), targets, torch.arange(6), weight)


def kd(student: Output, teacher: Output) -> Tensor:
    softened = F.log_softmax(student.logits / TAU, dim=1), F.softmax(teacher.logits / TAU, dim=1)
    return TAU**2 * F.kl_div(*softened, reduction="batchmean")


def at(student: Output, teacher: Output) -> Tensor:
    def attention(maps: Tensor) -> Tensor:
        return F.normalize(maps.pow(2).mean(1).flatten(1))

    pairs = zip(student.stages, teacher.stages, strict=True)
    return torch.stack([(attention(mine) - attention(theirs)).pow(2).mean() for mine, theirs in pairs]).sum()


SCALARS = {  # as the field writes them
    "kd": kd,
    "ce": lambda student, teacher: F.cross_entropy(student.logits, batch().targets),
    "at": at,
}


@pytest.mark.parametrize("name", SCALARS)
def test_a_criterion_gives_a_loss_per_image_whose_mean_is_the_field_s_scalar(name: str) -> None:
    student, teacher = outputs()
    losses = criteria.make(name, {})(student, teacher, batch())
    assert losses.shape == (6,)
    scalar = SCALARS[name](student, teacher)
    torch.testing.assert_close(losses.mean(), scalar, atol=1e-6, rtol=0)
    torch.testing.assert_close(unix_exp.criterion(name)(student, teacher, batch()), scalar, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", SCALARS)
def test_the_loss_of_one_image_is_its_own(name: str) -> None:
    """What the other images of the batch are does not matter."""
    (student, teacher), third = outputs(), slice(2, 3)
    alone = [
        Output(one.logits[third], tuple(maps[third] for maps in one.features), one.embedding[third])
        for one in (student, teacher)
    ]
    criterion = criteria.make(name, {})
    of_all = criterion(student, teacher, batch())
    torch.testing.assert_close(criterion(*alone, take(batch(), torch.tensor([2]))), of_all[third])


@pytest.mark.parametrize("name", SCALARS)
def test_a_weighted_batch_has_the_mean_of_weighted_losses(name: str) -> None:
    (student, teacher), weight = outputs(), torch.tensor([0.0, 1.0, 2.0, 0.5, 1.0, 3.0])
    made = criteria.make(name, {})
    expected = (made(student, teacher, batch()) * weight).mean()
    weighted = Weighted({name: made}, {name: 0.7})
    torch.testing.assert_close(weighted(student, teacher, batch(weight))[name], 0.7 * expected)
    torch.testing.assert_close(unix_exp.criterion(name)(student, teacher, batch(weight)), expected)
    ones = weighted(student, teacher, batch(torch.ones(6)))[name]
    assert torch.equal(ones, weighted(student, teacher, batch())[name]), "weights of one change nothing"


def test_a_criterion_that_compares_images_refuses_weights_in_one_line() -> None:
    student, teacher = outputs()
    objective = Weighted({"sp": criteria.make("sp", {})}, {"sp": 1.0})
    assert objective(student, teacher, batch())["sp"].dim() == 0
    for weigh in (objective, unix_exp.criterion("sp")):
        with pytest.raises(Mistake, match="^criterion 'sp' compares images with each other.*choose another sampler"):
            weigh(student, teacher, batch(torch.ones(6)))


def test_a_criterion_of_another_shape_is_refused_in_one_line() -> None:
    student, teacher = outputs()
    objective = Weighted({"raw": lambda student, teacher, batch: student.logits}, {"raw": 1.0})
    with pytest.raises(Mistake, match=r"^criterion 'raw' returns \[6, 10\]; it must return one loss per image"):
        objective(student, teacher, batch())


def test_a_part_of_a_batch_and_a_mix_keep_the_weights_of_their_images() -> None:
    weight = torch.arange(6.0)
    some = take(batch(weight), torch.tensor([4, 1]))
    assert some.weight.tolist() == [4, 1]
    partner = take(batch(weight), torch.tensor([2, 3]))
    mixed = mix(some, partner, torch.tensor([0.3, 0.4]))
    assert mixed.weight.tolist() == [4, 1], "as the index, it is the batch's own"
    assert take(batch(), torch.tensor([4, 1])).weight is None
    assert mix(batch(), batch(), torch.zeros(6)).weight is None


def test_a_choice_of_a_criterion_is_what_its_constructor_says() -> None:
    """As typed, `criterion=NAME` has the constructor's settings, all of them; other choices name known ones."""
    for path in Path(__file__).parents[1].glob("conf/criterion/*.yaml"):
        for name, term in yaml.safe_load(path.read_text()).items():
            settings = {key: value for key, value in term.items() if key != "weight"}
            check_settings(criteria[name], name, settings, criteria.supplied)
            made = unwritten.choice(criteria, "criterion", name)
            if path.stem == name != "ce":
                assert made is not None and {**made[0][name], "weight": 0} == {**term, "weight": 0}, path
