"""What RandAugment and TrivialAugment do to a batch is what torchvision does to each of its images."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pictures import soft
from torchvision.transforms import InterpolationMode, v2

from unix_exp.data.augment.choice import chosen
from unix_exp.data.augment.magnitudes import BINS, MILD, WIDE, Most, amounts, table_of
from unix_exp.data.augment.moving import FIRST, MOVES
from unix_exp.data.augment.operations import NAMES, operated
from unix_exp.registry import augmentations

SPACES: dict[str, tuple[Any, Most]] = {
    "randaugment": (v2.RandAugment(), MILD), "trivialaugment": (v2.TrivialAugmentWide(), WIDE),
}  # fmt: skip


@pytest.mark.parametrize("side", [16, 31])
@pytest.mark.parametrize("name", SPACES)
def test_an_operation_is_torchvisions(name: str, side: int) -> None:
    """In every third bin: the same pixels, but for roundings where two are equally near or a value is nearly whole."""
    reference, most = SPACES[name]
    images = soft(3, side)
    table, signed = table_of(most, side)
    assert [one.lower() for one in reference._AUGMENTATION_SPACE] == [one.replace("_", "") for one in NAMES]
    for kind, (known, (magnitudes, both)) in enumerate(reference._AUGMENTATION_SPACE.items()):
        assert bool(signed[kind]) == both
        for place in range(0, BINS, 3) if (there := magnitudes(BINS, side, side)) is not None else (0,):
            for sign in (1, -1) if both else (1,):
                magnitude = 0.0 if there is None else sign * float(there[place])
                expected = reference._apply_image_or_video_transform(
                    images, known, magnitude, interpolation=InterpolationMode.NEAREST, fill=reference._fill
                )
                drawn = torch.tensor([[[kind, sign * float(table[kind, place])]]], dtype=torch.float64)
                found = operated(images, drawn.expand(3, 1, 2))
                assert found.dtype == torch.uint8 and found.shape == images.shape
                off = (found.int() - expected.int()).abs()
                moves = FIRST <= kind < FIRST + len(MOVES)
                assert (off > 0).float().mean() <= (0.05 if moves else 0.15), (known, place, sign)
                assert moves or off.max() <= 1, (known, place, sign)


@pytest.mark.parametrize("name", SPACES)
def test_an_image_is_changed_alike_in_any_batch(name: str) -> None:
    images = soft(64, 16)
    for seed in range(3):
        drawn = chosen(name).draw(64, 16, torch.Generator().manual_seed(seed))
        assert drawn is not None
        together = chosen(name).change(images, drawn)
        alone = [chosen(name).change(images[[row]], drawn[[row]]) for row in range(64)]
        assert torch.equal(together, torch.cat(alone))
        assert not torch.equal(together, images)


@pytest.mark.parametrize("most", [MILD, WIDE])
def test_a_magnitude_of_nothing_changes_nothing(most: Most) -> None:
    """But for white, which torchvision's weakest solarising inverts, and operations that have no magnitude."""
    images = soft(4, 16).clamp(max=254)
    for kind, name in enumerate(NAMES):
        if name not in ("autocontrast", "equalize"):
            kinds = torch.full((4, 1), kind)
            drawn = amounts(most, kinds, torch.zeros_like(kinds), 16, torch.Generator().manual_seed(kind))
            assert torch.equal(operated(images, drawn), images), name


def test_what_is_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    one = chosen("trivialaugment").draw(4000, 32, generator)
    two = chosen("randaugment").draw(4000, 32, generator)
    three = chosen({"name": "randaugment", "ops": 3, "magnitude": 30}).draw(4000, 32, generator)
    assert one is not None and two is not None and three is not None
    assert [drawn.shape[1] for drawn in (one, two, three)] == [1, 2, 3]
    turn = NAMES.index("rotate")
    for drawn in (one, two, three):
        counts = torch.bincount(drawn[:, :, 0].long().flatten(), minlength=len(NAMES))
        assert (counts / counts.sum() - 1 / 14).abs().max() < 0.02, "each as often"
    angles = [drawn[:, :, 1][drawn[:, :, 0] == turn] for drawn in (one, two, three)]
    assert len(angles[0].abs().unique()) == BINS and float(angles[0].max()) == 135
    for found, angle in ((angles[1], 9.0), (angles[2], 30.0)):
        assert torch.equal(found.abs().unique(), torch.tensor([angle], dtype=torch.float64))
        assert 0.4 < (found > 0).double().mean() < 0.6


@pytest.mark.parametrize("name", augmentations.names())
def test_nothing_is_read_from_the_device(name: str) -> None:
    """On the meta device there are no values: whatever decides anything was drawn on the CPU."""
    augmentation, images = chosen(name), soft(64, 16).to("meta")
    drawn = augmentation.draw(64, 16, torch.Generator().manual_seed(0))
    if drawn is not None:
        assert drawn.device.type == "cpu"
        changed = augmentation.change(images, drawn)
        assert changed.is_meta and changed.shape == images.shape and changed.dtype == torch.uint8
