"""The preprocessing inside a file makes of an image what data/preprocessing.py makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as some
from PIL import Image

from unix_exp.data.preprocessing import Preprocessing
from unix_exp.deploy import programs, to_pt2
from unix_exp.deploy.answering import Answering
from unix_exp.deploy.loaded import Loaded, of_content
from unix_exp.deploy.preparing import Prepare
from unix_exp.run.description import Description
from unix_exp.types import Mistake

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def drawn(seed: int, height: int, width: int) -> np.ndarray:
    """Noise, or blocks with hard edges, where a cubic overshoots."""
    random = np.random.default_rng(seed)
    block = (1, 5)[seed % 2]
    small = random.integers(0, 256, (-(-height // block), -(-width // block), 3), np.uint8)
    return np.kron(small, np.ones((block, block, 1), np.uint8))[:height, :width]


def levels_apart(one: torch.Tensor, other: torch.Tensor, std: tuple[float, ...] = STD) -> torch.Tensor:
    return 255 * ((one - other).abs() * torch.tensor(std).view(3, 1, 1))


@given(
    size=some.tuples(some.integers(2, 130), some.integers(2, 130)),
    wanted=some.tuples(some.integers(8, 40), some.integers(0, 9)),
    interpolation=some.sampled_from(("bicubic", "bilinear")),
    seed=some.integers(0, 99),
)
@example(size=(32, 32), wanted=(32, 0), interpolation="bicubic", seed=0)  # stays as it is
@example(size=(2, 130), wanted=(8, 1), interpolation="bicubic", seed=1)
@example(size=(300, 100), wanted=(32, 8), interpolation="bicubic", seed=0)  # Pillow 13 would begin with the rows
@example(size=(24, 24), wanted=(24, 6), interpolation="bilinear", seed=20)  # a tie in each of the two passes
@settings(deadline=None, max_examples=60)
def test_any_image_is_scaled_and_cut_as_pillow_does(
    size: tuple[int, int], wanted: tuple[int, int], interpolation: str, seed: int
) -> None:
    own = Preprocessing(wanted[0], sum(wanted), interpolation, MEAN, STD)
    pixels = drawn(seed, *size)
    apart = levels_apart(Prepare(own)(torch.from_numpy(pixels.copy())[None])[0], own(Image.fromarray(pixels)))
    assert apart.max() < 2.01 and (apart > 0.5).double().mean() < 0.3, "a tie may be rounded the other way"
    assert (apart > 1.5).double().mean() < 0.01, "and seldom one in both passes"


def test_the_order_of_the_passes_is_our_own() -> None:
    """A tall image, as Pillow up to version 12 scales it: across, and the rounded result down."""
    pixels = drawn(1, 300, 100)
    narrow = Image.fromarray(pixels).resize((32, 300), Image.Resampling.BICUBIC)
    wanted = np.asarray(narrow.resize((32, 96), Image.Resampling.BICUBIC)).astype(int)[32:64]
    found = Preprocessing(32, 32, "bicubic", MEAN, STD).square(Image.fromarray(pixels))
    assert np.abs(np.asarray(found).astype(int) - wanted).max() <= 1


def test_in_a_file_of_torch_export() -> None:
    own = Preprocessing(16, 19, "bilinear", MEAN, STD)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    content = to_pt2.content_of(
        programs.preparation_of(own, network), Description({"name": "x"}, ("a", "b"), own).metadata()
    )
    found = of_content(Path("student.pt2"), content)
    images = [Image.fromarray(drawn(1, *size)) for size in ((40, 50), (90, 21), (16, 16))]
    wanted = network(torch.stack([own(image) for image in images]))
    assert found.prepares and (found.logits_of(images) - wanted).abs().max() < 0.01


def test_normalised_images_become_the_pixels_that_they_were() -> None:
    own = Preprocessing(8, 8, "bicubic", MEAN, STD)
    pixels = [drawn(seed, 8, 8) for seed in range(3)]
    given: list[torch.Tensor] = []
    answering = Answering(Description({"name": "x"}, ("a",), own), lambda images: given.append(images) or images, True)
    found = Loaded(Path("x.onnx"), "x.onnx", "onnx", 0, answering)
    found.logits(torch.stack([own(Image.fromarray(one)) for one in pixels]))
    assert torch.equal(given[0], torch.from_numpy(np.stack(pixels)))
    other = Answering(Description({"name": "x"}, ("a",), own._replace(resize=9)), answering.answer, True)
    with pytest.raises(Mistake, match="scales and cuts images itself"):
        Loaded(Path("x.onnx"), "x.onnx", "onnx", 0, other).logits(torch.zeros(1, 3, 8, 8))
