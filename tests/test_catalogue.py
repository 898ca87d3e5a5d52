"""The catalogue: what it says of a method is what was found by trying it, and its paper is what the code names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from common import Command
from plugged import forgotten_afterwards
from torch import nn

import unix_exp
from unix_exp.catalogue import __main__ as command
from unix_exp.catalogue import page, show
from unix_exp.catalogue.marks import Marks
from unix_exp.catalogue.methods import KINDS, Catalogue, Method
from unix_exp.catalogue.needs import Needs
from unix_exp.catalogue.papers import papers_of, references
from unix_exp.config import compose
from unix_exp.cost.network import gflops
from unix_exp.registry import Registry, criteria, distillers, samplers

ROOT = Path(__file__).parent.parent

# Components of no paper: what is plain, and what is this project's own. All others name theirs in their docstring.
OF_NO_PAPER = {
    "criterion": {"ce"},
    "sampler": {"everything", "random", "recall", "recall_mixed"},
    "distiller": {"offline", "supervised", "clean_teacher", "progressive", "shortened"},
}
TRIED = {
    criteria: ("kd", "dkd", "at", "ce"),
    samplers: ("unix", "recall"),
    distillers: ("pad", "adaptive"),
}


@pytest.fixture(scope="module")
def found() -> dict[str, Method]:
    compose.prepare(())
    with compose.hydra_ready():
        catalogue = Catalogue(command.PAIR)
        methods = [catalogue.tried(catalogue.component(kind, name)) for kind, names in TRIED.items() for name in names]
        methods += [catalogue.tried(catalogue.experiment(name)) for name in ("kd_early", "takd")]
    return {method.name: method for method in methods}


def needs(method: Method) -> Needs:
    assert isinstance(method.needs, Needs), method.needs
    return method.needs


EVERY = [(registry, name) for registry in KINDS for name in registry.names()]


@pytest.mark.parametrize(("registry", "name"), EVERY, ids=[f"{registry.kind}-{name}" for registry, name in EVERY])
def test_a_component_names_its_paper(registry: Registry, name: str) -> None:
    """In its docstring, such as (Zhao, Cui, Song, Qiu and Liang 2022, arXiv 2203.08679)."""
    assert bool(papers_of(registry[name])) == (name not in OF_NO_PAPER[registry.kind])


def test_a_reference_is_read_whole() -> None:
    (one,) = papers_of(criteria["dkd"])
    assert (str(one), one.short) == ("Zhao, Cui, Song, Qiu and Liang 2022, arXiv 2203.08679", "Zhao et al. 2022")
    assert list(map(str, papers_of(criteria["mld"]))) == ["Jin, Wang and Lin 2023"]
    several = references("Hinton, Vinyals and Dean 2015; You et al. 2017, as a loss")
    assert list(map(str, several)) == ["Hinton, Vinyals and Dean 2015", "You et al. 2017"]
    assert not references("in 2020") and not references("Table 5") and not references("k = 4 of 2000")


def test_what_a_loss_reads_is_found_by_trying(found: dict[str, Method]) -> None:
    read = {name: (needs(one).labels, needs(one).parts.get("teacher")) for name, one in found.items()}
    assert read == {
        "kd": (False, ("logits",)),
        "dkd": (True, ("logits",)),
        "at": (False, ("features",)),
        "ce": (True, None),
        "unix": (False, ("logits",)),
        "recall": (False, ("logits",)),
        "pad": (True, ("embedding",)),
        "adaptive": (True, ("logits", "features")),
        "kd_early": (True, ("logits",)),
        "takd": (True, ("logits",)),
    }


def test_what_is_kept_trained_and_looked_at_is_counted(found: dict[str, Method]) -> None:
    assert {name for name, one in found.items() if needs(one).memory} == {"recall"}
    assert needs(found["recall"]).memory == 4  # one float32 for each training image
    assert {name for name, one in found.items() if needs(one).scouts} == {"unix"}
    assert needs(found["adaptive"]).weights == 2
    assert needs(found["pad"]).stages == {"warm up": 240, "weighted": 80}
    assert "no teacher" in str(needs(found["ce"]).stored)
    assert all(needs(one).stored is None for name, one in found.items() if name != "ce")


def test_costs_are_of_the_whole_run(found: dict[str, Method]) -> None:
    cost = {name: one.percent[0] for name, one in found.items() if one.percent}
    rho = (100 - cost["ce"]) / (cost["ce"] / 2)  # labels alone take two passes of the student, KD rho + 2
    assert cost["kd"] == 100
    assert cost["recall"] == pytest.approx(75)
    assert cost["unix"] == pytest.approx(100 * (48 / 64 + 1 / (rho + 2)), abs=1e-6)  # the paper's formula
    assert cost["kd_early"] == pytest.approx(cost["ce"] + 0.1 * (100 - cost["ce"]))
    assert cost["pad"] > 400 / 3
    teacher, assistant, student = (gflops(unix_exp.model(name), 32) for name in ("vgg13", "resnet14x4", "vgg8"))
    chain = teacher + 2 * assistant + assistant + 2 * student
    assert cost["takd"] == pytest.approx(100 * chain / (teacher + 2 * student)), "the assistant's training too"


def test_marks_follow_choices_and_memories() -> None:
    with torch.device("meta"), Marks() as marks:
        labels, images, memory = torch.zeros(4, 3), torch.zeros(4, 2), nn.Parameter(torch.zeros(8), requires_grad=False)
        marks.put(labels, "labels")
        rows = labels.argmax(dim=1)
        assert marks.of(images[rows.argsort()[:2]]) == {"labels"}, "images that were chosen by their labels"
        assert not marks.of(images.relu() + 1)
        memory[rows] = 1.0
        assert marks.of(memory) == {"labels"}
        fresh = torch.zeros(8)
        fresh.view(2, 4).index_copy_(0, rows[:1], labels.T[:1])
        assert marks.of(fresh) == {"labels"}, "written through a view"


@pytest.fixture
def catalogue(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.catalogue WORDS` in an empty folder."""
    return typed(command.main)


def test_code_of_ones_own_is_listed(catalogue: Command) -> None:
    with forgotten_afterwards():
        said = catalogue("memory", "matching", "--json", "--plugins", str(ROOT / "examples/memory.py"),
                         "--plugins", str(ROOT / "examples/matching.py"))  # fmt: skip
    assert said.code == 0
    listed = {one["name"]: one for one in json.loads(said.out)}
    assert listed["memory"]["memory_bytes_per_image"] == 4
    assert listed["matching"]["reads"] == {"teacher": ["features"]}
    assert listed["matching"]["own_weights"] > 0
    assert listed["matching"]["percent_of_kd"] > 100


def test_a_table_fits_a_terminal(found: dict[str, Method]) -> None:
    lines = [show.head(), *(line for method in found.values() for line in show.block(method))]
    assert max(map(len, lines)) == show.WIDTH
    row = next(line for line in lines if line.startswith("unix "))
    assert row.endswith(show.cost_of(found["unix"]))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--pair", "vgg13_vgg9"), "pair 'vgg13_vgg9' does not exist; did you mean 'vgg13_vgg8'?"),
        (("dkdd",), "there is no method 'dkdd'; did you mean 'dkd'?"),
        (("--fill", "nowhere.md", "dkd"), "--fill writes all components; leave the names out"),
    ],
)
def test_a_mistake_is_one_line(catalogue: Command, words: tuple[str, ...], complaint: str) -> None:
    said = catalogue(*words)
    assert (said.code, said.err) == (2, f"error: {complaint}\n")


def test_a_component_that_cannot_work_says_why(found: dict[str, Method]) -> None:
    method = found["at"]._replace(needs="criterion 'at' compares stage by stage", percent=None)
    assert [*show.markdown([method])][-1].endswith("| criterion 'at' compares stage by stage | - |")
    assert show.data(method)["impossible"]


def rows_of_docs() -> dict[str, list[str]]:
    text = (ROOT / "docs/methods.md").read_text()
    table = text.split(page.BEGIN)[1].split(page.END)[0]
    rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_table_in_docs_is_what_the_catalogue_writes(found: dict[str, Method]) -> None:
    """`make catalogue` writes it anew. All names and papers are compared, and of the methods tried above the rest."""
    rows = rows_of_docs()
    assert list(rows) == [f"{registry.kind}={name}" for registry, name in EVERY]
    for registry, name in EVERY:
        named = "; ".join(map(str, papers_of(registry[name])))
        assert rows[f"{registry.kind}={name}"][0] == (named or show.NO_PAPER)
    for method in found.values():
        if method.kind != "experiment":
            assert rows[f"{method.kind}={method.name}"][1:] == [show.needs_of(method), show.cost_of(method)]
