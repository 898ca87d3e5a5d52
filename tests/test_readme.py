"""What the README and the pages of docs/ show is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import unix_exp
from unix_exp import config
from unix_exp.registry import samplers
from unix_exp.types import Batch, Output

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: str, containing: str) -> list[str]:
    found = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [code for code in found if containing in code]


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    """What it does not link itself is linked by a page that it links."""
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) <= 150
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        links = {(page.parent / link).resolve() for page in new for link in linked(page)}
        new = {page for page in links if page.suffix == ".md" and page.exists()} - reached
    assert set(PAGES) <= reached


def linked(page: Path) -> list[str]:
    return re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())


def test_unix_drops_into_a_plain_loop() -> None:
    torch.manual_seed(0)
    loader = [(torch.randn(64, 3, 32, 32), torch.randint(100, (64,)))]
    names: dict = {"loader": loader}
    (code,) = blocks("docs/python.md", "for images, labels in loader")
    assert len(code[code.index("for images") :].splitlines()) <= 10
    exec(code.replace('"resnet32x4"', '"resnet8"').replace('"shufflev2"', '"resnet8"'), names)  # the same in seconds
    assert names["batch"].images.shape == (48, 3, 32, 32)
    assert torch.isfinite(names["loss"])
    assert all(weight.grad is not None for weight in names["student"].parameters())


def test_the_sampler_of_ones_own_works_as_shown() -> None:
    (code,) = blocks("docs/extending.md", "class Certain")
    assert blocks("docs/research.md", "class Certain") == [code]
    exec(code, {})
    try:
        sure = torch.tensor([[9.0, 0.0], [0.0, 0.0], [4.0, 0.0], [1.0, 0.0]])
        batch = Batch(torch.zeros(4, 3, 2, 2), torch.eye(4), torch.arange(4))
        kept = unix_exp.sampler("certain", k=2)(batch, lambda images, mode: Output(sure, (sure,), sure))
        assert kept.index.tolist() == [0, 2]
    finally:
        del samplers.constructors["certain"], samplers.modules["certain"]


def test_every_choice_in_the_table_of_groups_exists() -> None:
    text = (ROOT / "docs/command.md").read_text().split("## The same command again")[0]
    rows = re.findall(r"^\| `(\w+)`(?:, `(\w+)`)? \|[^|]*\|(.*)\|$", text, re.MULTILINE)
    assert len(rows) >= 9
    for group, _, text in rows:
        known = {path.stem for path in (config.choices_folder() / group).glob("*.yaml")}
        named = set(re.findall(r"`(\w+)`", text)) | set(re.findall(r"(\w+)`", text))
        assert named - known <= {"NAME"}, (group, named - known)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_that_is_linked_is_there(page: Path) -> None:
    assert [link for link in linked(page) if not (page.parent / link).exists()] == []


def test_a_model_gives_logits_features_and_embedding() -> None:
    output = unix_exp.model("resnet8", num_classes=7).eval()(torch.randn(2, 3, 32, 32))
    assert output.logits.shape == (2, 7)
    assert output.features[-1] is output.embedding
    assert [feature.shape[1] for feature in output.features] == [16, 16, 32, 64, 64]
