"""Every registered network, data set, probe and sink keeps its contract: a new one needs no new test."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from assembled import NEEDED, needed, plugged_in, with_examples
from families import smallest_of_each_file
from pictures import paint_imagenet, paint_tiny_imagenet
from torch import Tensor, nn

from unix_exp.registry import check_settings, datasets, models, probes, sinks
from unix_exp.types import Batch, Dataset, Output

__all__ = ["plugged_in"]  # a fixture, for the whole file

CLASSES = 7
with with_examples():
    NETWORKS = smallest_of_each_file(models.names())  # test_models.py has the values of each
    DATASETS = [name for name in datasets.names() if "download" not in inspect.signature(datasets[name]).parameters]

every_network = pytest.mark.parametrize("name", NETWORKS)


def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    network: nn.Module = models.make(name, needed(models, name), num_classes=CLASSES)
    return network


def shapes_of(output: Output) -> tuple[torch.Size, list[torch.Size], torch.Size]:
    return output.logits.shape, [feature.shape for feature in output.features], output.embedding.shape


def check(output: Output) -> None:
    assert output.logits.shape == (2, CLASSES)
    assert output.embedding.shape[0] == 2 and output.embedding.dim() == 2
    assert output.features[-1] is output.embedding
    assert len(output.features) >= 3, "a stem or a stage, and the embedding"
    assert all(feature.shape[0] == 2 and feature.dim() == 4 for feature in output.features[:-1])
    sides = [feature.shape[-1] for feature in output.features[:-1]]
    assert sides == sorted(sides, reverse=True), "shallow to deep"


@every_network
def test_a_network_answers_alike_in_both_modes_and_on_both_devices(name: str) -> None:
    network = made(name)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    output = network.train()(images)
    check(output)
    sum(one.float().square().mean() for one in (output.logits, *output.features)).backward()  # type: ignore[union-attr]
    assert [key for key, weight in network.named_parameters() if weight.grad is None] == [], "every weight is used"
    with torch.no_grad():
        evaluated = network.eval()(images)
        check(evaluated)
        assert evaluated.logits.isfinite().all()
        assert shapes_of(evaluated) == shapes_of(output)
        network = network.to("meta")
        for mode in (True, False):
            assert shapes_of(network.train(mode)(images.to("meta"))) == shapes_of(output)


@pytest.fixture(params=DATASETS)
def data(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Each data set that needs no download, its images not varied."""
    monkeypatch.chdir(tmp_path)
    paint_tiny_imagenet(Path("data/tiny-imagenet-200"))
    paint_imagenet(Path("data/imagenet"), train=6, test=3, growing=0)
    rows = [f"{one.relative_to('data')},{one.parent.name}\n" for one in sorted(Path("data/imagenet").rglob("*.JPEG"))]
    Path("data/imagenet.csv").write_text("path,label\n" + "".join(rows))
    monkeypatch.setitem(NEEDED, "path", "data/imagenet.csv" if request.param == "listed" else "data/imagenet")
    constructor = datasets[request.param]
    wanted = {"augment": False, "flip": False, "workers": 0, "train_count": 48, "test_count": 24}
    known = {key: value for key, value in wanted.items() if key in inspect.signature(constructor).parameters}
    dataset: Dataset = datasets.make(request.param, needed(datasets, request.param) | known)
    dataset.load("cpu")
    return dataset


def epoch(data: Dataset, seed: int, *only: Tensor) -> list[Batch]:
    return list(data.train_batches(4, seed, *only))


def indices(batches: list[Batch]) -> list[int]:
    return torch.cat([batch.index for batch in batches]).tolist()


def test_an_epoch_of_a_data_set_is_a_function_of_its_seed(data: Dataset) -> None:
    first, again, other = epoch(data, 1), epoch(data, 1), epoch(data, 2)
    assert len(first) == data.train_count // 4
    assert len(set(indices(first))) == 4 * len(first), "no image comes twice"
    assert indices(first) == indices(again) != indices(other)
    for one, same in zip(first, again, strict=True):
        assert torch.equal(one.images, same.images)
        assert torch.equal(one.targets, same.targets)


def test_the_index_of_an_image_is_its_position_in_the_training_set(data: Dataset) -> None:
    seen: dict[int, tuple[Tensor, Tensor]] = {}
    for seed in (1, 2):
        for batch in epoch(data, seed):
            assert batch.images.shape == (4, 3, data.size, data.size) and batch.images.dtype == torch.float32
            assert batch.targets.shape == (4, len(data.classes)) and torch.equal(batch.targets.sum(1), torch.ones(4))
            assert batch.weight is None
            for position, image, target in zip(batch.index.tolist(), batch.images, batch.targets, strict=True):
                assert 0 <= position < data.train_count
                before = seen.setdefault(position, (image, target))
                assert torch.equal(before[0], image) and torch.equal(before[1], target), "the same at every visit"


def test_a_data_set_trains_on_chosen_images_alone(data: Dataset) -> None:
    only = torch.arange(data.train_count).flip(0)[:5]
    chosen = indices(epoch(data, 1, only))
    assert len(chosen) == 4 == len(set(chosen))
    assert set(chosen) <= set(only.tolist())
    assert chosen != indices(epoch(data, 2, only)), "in another order in another epoch"


def test_test_images_come_once_and_in_order(data: Dataset) -> None:
    whole, parts = (list(data.test_batches(size)) for size in (data.test_count, 5))
    assert torch.equal(torch.cat([images for images, _ in parts]), whole[0][0])
    assert torch.equal(torch.cat([labels for _, labels in parts]), whole[0][1])
    assert len(whole[0][1]) == data.test_count


def test_every_probe_and_sink_works_without_a_setting() -> None:
    for registry in (probes, sinks):
        for name in registry.names():
            check_settings(registry[name], name, {}, given=registry.supplied, role=registry.kind)
