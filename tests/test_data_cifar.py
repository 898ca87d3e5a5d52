"""CIFAR says in one line what is missing, and knows its classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from pictures import paint

from unix_exp.registry import datasets
from unix_exp.types import Mistake


def test_cifar_missing_or_damaged_is_said_in_one_line(tmp_path: Path) -> None:
    settings = {"root": str(tmp_path), "download": False}
    with pytest.raises(Mistake, match=r"there is no '.*cifar-100-python'; set dataset.download=true"):
        datasets.make("cifar100", settings)
    for name in ("train", "test", "meta"):
        paint(tmp_path / "cifar-100-python" / f"{name}.png", 0)
        (tmp_path / "cifar-100-python" / f"{name}.png").rename(tmp_path / "cifar-100-python" / name)
    data = datasets.make("cifar100", settings)
    with pytest.raises(Mistake, match=r"cifar-100-python': files are missing or damaged; set") as said:
        data.load("cpu")
    assert "\n" not in str(said.value)


def test_cifar_without_a_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr(CIFAR10, "url", (tmp_path / "no-such-archive.tar.gz").as_uri())
    data = datasets.make("cifar10", {"root": str(tmp_path)})
    with pytest.raises(Mistake, match=r"download failed \(.*\); .* dataset.download=false") as said:
        data.load("cpu")
    assert "\n" not in str(said.value)


def test_cifar_knows_its_classes() -> None:
    for name, count in (("cifar10", 10), ("cifar100", 100)):
        classes = datasets.make(name, {}).classes
        assert len(set(classes)) == count and list(classes) == sorted(classes)
