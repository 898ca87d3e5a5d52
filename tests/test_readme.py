"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import unix_exp
from unix_exp import config
from unix_exp.registry import REGISTRIES, samplers
from unix_exp.types import Batch, Output

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(code for code in blocks if containing in code)


def test_unix_drops_into_a_plain_loop() -> None:
    torch.manual_seed(0)
    loader = [(torch.randn(64, 3, 32, 32), torch.randint(100, (64,)))]
    names: dict = {"loader": loader}
    code = block("python", "for images, labels in loader")
    assert len(code[code.index("for images") :].splitlines()) <= 10
    exec(code.replace('"resnet32x4"', '"resnet8"').replace('"shufflev2"', '"resnet8"'), names)  # the same in seconds
    assert names["batch"].images.shape == (48, 3, 32, 32)
    assert torch.isfinite(names["loss"])
    assert all(weight.grad is not None for weight in names["student"].parameters())


def test_the_sampler_of_ones_own_works_as_shown() -> None:
    exec(block("python", "class Certain"), {})
    try:
        sure = torch.tensor([[9.0, 0.0], [0.0, 0.0], [4.0, 0.0], [1.0, 0.0]])
        batch = Batch(torch.zeros(4, 3, 2, 2), torch.eye(4), torch.arange(4))
        kept = unix_exp.sampler("certain", k=2)(batch, lambda images, mode: Output(sure, (sure,), sure))
        assert kept.index.tolist() == [0, 2]
    finally:
        del samplers.constructors["certain"]


def test_every_choice_the_readme_names_exists() -> None:
    rows = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \|[^|]*\|(.*)\|$", README, re.MULTILINE)
    assert len(rows) >= 9
    for group, _, text in rows:
        known = {path.stem for path in (config.choices_folder() / group).glob("*.yaml")}
        known |= {name for registry in REGISTRIES if registry.kind == group for name in registry.names()}  # without one
        named = set(re.findall(r"`(\w+)`", text)) | set(re.findall(r"(\w+)`", text))
        assert named - known <= {"NAME"}, (group, named - known)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_every_page_that_is_linked_is_there(page: Path) -> None:
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in linked if not (page.parent / link).exists()] == []


def test_a_model_gives_logits_features_and_embedding() -> None:
    output = unix_exp.model("resnet8", num_classes=7).eval()(torch.randn(2, 3, 32, 32))
    assert output.logits.shape == (2, 7)
    assert output.features[-1] is output.embedding
    assert [feature.shape[1] for feature in output.features] == [16, 16, 32, 64, 64]
