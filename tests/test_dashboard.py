"""The W&B workspace draws what training logs, and is written without a login."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import mirrored
import pytest
from common import Said

from unix_exp import config, dashboard
from unix_exp.dashboard import __main__ as entry

pytestmark = pytest.mark.usefixtures("no_key")
METRIC = re.compile(r"(?:summary:)?([a-z_]+(?:/[a-z0-9_]+)+)")


@pytest.fixture
def type_it(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def type_it(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["dashboard", *words])
        code = 0
        try:
            entry.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Said(code, *capfd.readouterr())

    return type_it


@pytest.fixture
def view(type_it: Callable[..., Said]) -> dict[str, Any]:
    return json.loads(type_it("--json").out)


def named(node: Any) -> Iterator[str]:
    """Every metric, summary value and setting that a workspace asks for, wherever it may stand."""
    if isinstance(node, list):
        for one in node:
            yield from named(one)
    if not isinstance(node, dict):
        return
    if {"section", "name"} <= set(node):  # of a filter, a grouping, an order
        yield f"{node['section']}:{node['name']}"
    for key, value in node.items():
        if key in ("metrics", "xAxis", "yAxis", "zAxis", "accessor", "columnOrder", "columnPinned", "columnVisible"):
            yield from [value] if isinstance(value, str) else value
        else:
            yield from named(value)


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (text for pair in node.items() for part in pair for text in strings(part))
    elif isinstance(node, list):
        yield from (text for one in node for text in strings(one))
    elif isinstance(node, str):
        yield node


def test_everything_drawn_is_logged_by_training(view: dict[str, Any], offline_run: Path) -> None:
    mirror = mirrored.read(offline_run)
    logged = {name for record in mirror.history for name in record}
    logged |= {f"summary:{name}" for name in mirror.summary}
    logged |= {f"config:{name}{end}" for name in mirror.config for end in ("", ".value")}
    logged |= {
        f"config:{name}.value.{key}"
        for name, group in mirror.config.items()
        if isinstance(group, dict)
        for key in group
    }
    of_stored_answers = {"cost/answers_gflops"}  # this run stored none
    on_validation_images = {"val/top1", "val/top5"}  # and held none out
    assert set(named(view)) - logged == {"run:displayName", *of_stored_answers, *on_validation_images}


def test_no_metric_stands_where_the_test_above_does_not_look(view: dict[str, Any]) -> None:
    looks_like = {found[1] for text in strings(view) if (found := METRIC.fullmatch(text))}
    assert len(looks_like) > 20
    assert looks_like <= {name.removeprefix("summary:") for name in named(view)}


def test_runs_are_grouped_and_coloured_by_method(view: dict[str, Any]) -> None:
    section = view["spec"]["section"]
    (runs,) = section["runSets"]
    assert [key["name"] for key in runs["grouping"]] == ["method.value", "pair.value", "dataset.value.name"]
    assert section["settings"]["useRunsTableGroupingInPanels"]
    known = {
        path.stem for group in ("experiment", "sampler") for path in (config.choices_folder() / group).glob("*.yaml")
    }
    for key, colour in section["customRunColors"].items():
        runset, path = (json.loads(unquote(part)) for part in key.split(":")[1:])
        assert (runset, path[0]["key"]) == (runs["id"], "config:method.value")
        assert path[0]["value"] in known
        assert re.fullmatch("#[0-9a-f]{6}", colour)
    assert len(section["customRunColors"]) >= 4


def test_the_teachers_own_runs_are_left_out(view: dict[str, Any], offline_run: Path) -> None:
    (left_out,) = view["spec"]["section"]["runSets"][0]["filters"]["filters"]
    (teacher,) = (offline_run.parents[1] / "teachers").glob("*-teacher-*")
    assert (left_out["key"]["name"], left_out["op"]) == ("method", "!=")
    assert mirrored.read(teacher).config["method"] == left_out["value"]


def test_the_same_workspace_is_the_same_bytes(forked: Path, type_it: Callable[..., Said]) -> None:
    words = ("--project", "mine", "--entity", "lab", "--name", "Ours", "--json")
    once = subprocess.run([sys.executable, "-m", "unix_exp.dashboard", *words], capture_output=True, check=True)
    assert type_it(*words).out.encode() == once.stdout
    assert [json.loads(once.stdout)[key] for key in ("project", "entity", "displayName")] == ["mine", "lab", "Ours"]


def test_json_goes_to_a_file(type_it: Callable[..., Said], tmp_path: Path) -> None:
    said = type_it("--json", str(tmp_path / "it.json"))
    assert (said.code, said.out) == (0, f"written: {tmp_path / 'it.json'}\n")
    assert (tmp_path / "it.json").read_text() == type_it("--json").out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "no W&B key found; run wandb login, or write the workspace to a file with --json PATH"),
        (("--json", "nowhere/it.json"), "cannot write nowhere/it.json: No such file or directory"),
        (("--json", "--name", "a=b"), "--name is 'a=b'; W&B allows no emoji there and no signs such as + or ="),
    ],
)
def test_a_mistake_is_one_line(type_it: Callable[..., Said], words: tuple[str, ...], complaint: str) -> None:
    assert type_it(*words) == (2, "", f"error: {complaint}\n")


def test_a_missing_library_is_one_line(type_it: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(dashboard, "layout", raising=False)
    monkeypatch.delitem(sys.modules, "unix_exp.dashboard.layout", raising=False)
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    said = type_it("--json")
    assert said == (2, "", "error: the dashboard needs wandb-workspaces; pip install 'unix_exp[dashboard]'\n")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from unix_exp.dashboard.__main__ import main\n"
        "try: main()\n"
        "finally: print('heavy:', sorted({'torch', 'wandb', 'wandb_workspaces', 'hydra'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, check=True)
    assert "--project" in ended.stdout
    assert "heavy: []" in ended.stdout


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """W&B as the library sees it, with a key; returns what it is sent."""
    sent: list[dict[str, Any]] = []

    def answer(api: Any, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if variables["projectName"] == "forbidden":
            raise RuntimeError("permission denied\n(and a page of reasons)")
        sent.append(variables)
        return {"upsertView": {"view": {"name": variables["name"], "id": "1"}}}

    api = SimpleNamespace(default_entity="lab", client=SimpleNamespace(app_url="https://service"))
    monkeypatch.setenv("WANDB_API_KEY", "k")
    monkeypatch.setattr("wandb.Api", lambda: api)
    monkeypatch.setattr("wandb_workspaces.workspaces.internal.execute_graphql", answer)
    return sent


def test_what_is_saved_is_what_json_shows(type_it: Callable[..., Said], service: list[dict[str, Any]]) -> None:
    said = type_it("--project", "mine")
    assert said.code == 0, said.err
    assert said.out.startswith("saved: https://service/lab/mine?nw=")
    (sent,) = service
    assert (sent["entityName"], sent["projectName"]) == ("lab", "mine"), "without --entity it is the key's own"
    assert json.loads(sent["spec"]) == json.loads(type_it("--json").out)["spec"]


def test_an_error_of_the_service_is_one_line(type_it: Callable[..., Said], service: list[dict[str, Any]]) -> None:
    said = type_it("--project", "forbidden")
    assert said == (2, "", "error: W&B did not save the workspace: permission denied\n")
    assert not service
