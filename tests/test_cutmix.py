"""CutMix: a rectangle of the partner in every image, and of its target as much as of its pixels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from unix_exp.config.names import said_of_answers
from unix_exp.registry import samplers
from unix_exp.samplers.cutmix import boxes
from unix_exp.types import Batch, Mistake, Output

COUNT, HEIGHT, WIDTH = 32, 12, 16


def numbered() -> Batch:
    """Images whose every pixel is their number, labels one-hot by number, and answers that say it too."""
    images = torch.arange(float(COUNT))[:, None, None, None].expand(COUNT, 3, HEIGHT, WIDTH)
    images = images.contiguous(memory_format=torch.channels_last)
    answers = Output(100 * torch.eye(COUNT), (), torch.arange(float(COUNT))[:, None])
    return Batch(images, torch.eye(COUNT), 1000 + torch.arange(COUNT), torch.arange(float(COUNT)), answers)


def drawn(seed: int = 0, **settings: Any) -> Batch:
    def never(*_: Any, **__: Any) -> Output:
        raise AssertionError("this sampler never scouts")

    torch.manual_seed(seed)
    made: Batch = samplers.make("cutmix", settings)(numbered(), never)
    return made


def is_rectangle(inside: Tensor) -> bool:
    rows, columns = inside.any(1), inside.any(0)
    runs = all(int((line.int().diff() == 1).sum()) + int(line[0]) <= 1 for line in (rows, columns))
    return runs and torch.equal(inside, rows[:, None] & columns[None, :])


def test_a_box_of_the_partner_is_in_each_image_and_its_area_in_the_target() -> None:
    shares = []
    for seed in range(10):
        made = drawn(seed, k=24)
        assert made.images.shape == (24, 3, HEIGHT, WIDTH) and made.images.is_contiguous(
            memory_format=torch.channels_last
        )
        assert len(made.index.unique()) == 24
        for image, target, index in zip(made.images, made.targets, made.index.tolist(), strict=True):
            own = index - 1000
            inside = image[0] != own
            assert torch.equal(image[0], image[1]) and torch.equal(image[0], image[2])
            assert len(image[0][inside].unique()) <= 1 and is_rectangle(inside)
            shares.append(float(inside.float().mean()))
            assert float(target[own]) == pytest.approx(1 - shares[-1]) and float(target.sum()) == pytest.approx(1)
            if inside.any():
                assert float(target[int(image[0][inside][0])]) == pytest.approx(shares[-1])
    assert len(set(shares)) > 20, "a box for each image, not for each batch"


def test_weight_and_index_stay_the_images_own_and_answers_are_mixed_like_targets() -> None:
    made = drawn(3)
    assert len(made.index) == 24, "three quarters of the batch"
    assert made.weight is not None and torch.equal(made.weight.long(), made.index - 1000)
    assert isinstance(made.answers, Output)
    torch.testing.assert_close(made.answers.logits, 100 * made.targets)
    torch.testing.assert_close(made.answers.embedding.flatten(), made.targets @ torch.arange(float(COUNT)))
    answers = {"stored": True, "views": 2}
    assert "mixed" in said_of_answers({"answers": answers, "sampler": {"name": "cutmix"}})


def test_the_area_is_the_authors() -> None:
    """Their box of a share s, its middle anywhere in the image and cut at the border, has on average this area."""
    torch.manual_seed(0)
    images = torch.zeros(20_000, 3, 32, 32)
    inside = boxes(1.0, images)
    reference = []
    for share, x, y in torch.rand(20_000, 3).tolist():
        half = int(32 * share**0.5) // 2
        spans = [min(int(32 * at) + half, 32) - max(int(32 * at) - half, 0) for at in (x, y)]
        reference.append(spans[0] * spans[1] / 1024)
    expected = torch.tensor(reference)
    area = inside.float().mean((1, 2, 3))
    assert float(area.mean()) == pytest.approx(float(expected.mean()), abs=0.01)
    assert float(area.std()) == pytest.approx(float(expected.std()), abs=0.01)
    milder = boxes(100.0, images[:2000]).float().mean((1, 2, 3))
    assert milder.std() < 0.7 * area.std(), "a large alpha draws boxes of about half the image"


@pytest.mark.parametrize(
    ("settings", "what"), [({"k": 33}, "sampler.k is 33; choose 1 to 32"), ({"alpha": 0.0}, "sampler.alpha is 0.0")]
)
def test_settings_out_of_range_are_refused_in_one_line(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(Mistake, match=f"^{what}"):
        drawn(**settings)
