"""The section on PAD: arms, published figures, weights over training, and the images at both ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from common import Command
from made_runs import changed, made, table
from PIL import Image

from unix_exp.report import __main__ as command

PAIR = ("resnet20", "resnet8")
ENDS = ("highest", "lowest")


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def pad(weighting: str, seed: int = 0, top1: float = 50.0, pictured: bool = False, **changes: Any) -> Path:
    """A run of PAD, two epochs of each stage, made up."""
    name = "pad" if weighting == "learned" else f"pad_{weighting}"
    distiller = {"name": "pad", "weighting": weighting, "beta": 15.0, "keep": 0.5, "gamma": 1.0}
    folder = made(Path("runs") / f"{name}{seed}", "kd", changes.pop("pair", PAIR), seed, top1, schedule=4, **changes)
    stages = [{"name": "warm up", "epochs": 2}, {"name": "weighted", "epochs": 2}]
    changed(folder, identity=f"{name}{seed}", method=name, settings__distiller=distiller, stages=stages)
    lines = [json.loads(line) for line in (folder / "analysis.jsonl").read_text().splitlines()]
    for line in lines[2:]:
        line["quantiles_pad_weight"] = [1.0, 1.1, 1.4, 1.6, 1.8, 2.5, 8.0]
    (folder / "analysis.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if pictured:
        images = {end: [{"index": 0, "class": "apple", "value": 2.0}, {"index": 1, "class": "apple", "value": 1.0}]
                  for end in ENDS}  # fmt: skip
        (folder / "images").mkdir()
        (folder / "images" / "pad_weight.json").write_text(json.dumps(images))
        for end in ENDS:
            (folder / "images" / f"pad_weight-{end}.png").write_bytes(png())
    return folder


def png() -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (64, 32), "orange").save(held, "PNG")
    return held.getvalue()


def test_without_a_run_of_it_there_is_no_section(report: Command) -> None:
    made(Path("runs"), "kd", PAIR)
    assert report("runs").code == 0
    assert "Prime-Aware" not in Path("report/index.html").read_text()


def test_every_arm_has_its_mean_and_where_none_is_known_says_so(report: Command) -> None:
    made(Path("runs/kd"), "kd", PAIR, top1=43.0, schedule=4)
    for seed, top1 in enumerate((50.0, 51.0, 52.0)):
        pad("learned", seed, top1)
        pad("ohem", seed, top1 - 1.5)
    assert report("runs").code == 0
    rows = {row["method"]: row for row in table("pad-cifar100-resnet20-resnet8")}
    assert rows.keys() == {"kd", "pad", "pad_ohem"}
    assert rows["pad"]["top-1 %: last"] == "51.00 ± 1.00 (3)"
    assert {row["top-1 %: published"] for row in rows.values()} == {"no published figure at hand"}
    assert all(value for row in rows.values() for value in row.values())
    (test,) = table("pad-controls-cifar100-resnet20-resnet8")
    assert (test["comparison"], test["difference"], test["runs"]) == ("pad \N{MINUS SIGN} pad_ohem", "+1.50", "3 and 3")


def test_one_sentence_names_the_schedule_that_compute_is_held_against_unless_arms_differ(report: Command) -> None:
    kd, own = made(Path("runs/kd"), "kd", PAIR, schedule=4), pad("learned")
    said = []
    for epochs in (4, 6):
        changed(kd, cost__against="KD for 4 epochs")
        changed(own, cost__against=f"KD for {epochs} epochs")
        report("runs")
        lines = Path("report/report.md").read_text().splitlines()
        said.append(sorted({line for line in lines if "ompute is a percentage of KD for" in line}))
    assert said[0] == ["Compute is a percentage of KD for 4 epochs."]
    assert said[1] == [f"{name}: compute is a percentage of KD for {n} epochs." for name, n in (("kd", 4), ("pad", 6))]


def test_only_arms_that_differ_in_the_weights_alone_are_tested_against_each_other(report: Command) -> None:
    for seed in (0, 1):
        pad("learned", seed, 50.0 + seed)
        folder = pad("none", seed, 49.0 + 2 * seed)
        changed(folder, settings__distiller__lr=0.005)
    assert report("runs").code == 0
    assert not Path("report/tables/pad-controls-cifar100-resnet20-resnet8.csv").exists()


def test_imagenet_stands_beside_the_published_figures(report: Command) -> None:
    pair = ("resnet34", "resnet18")
    whole = [{"name": "warm up", "epochs": 90}, {"name": "weighted", "epochs": 30}]
    changed(pad("learned", pair=pair, dataset="imagenet"), stages=whole)
    pad("none", pair=pair, dataset="imagenet")
    report("runs")
    rows = {row["method"]: row["top-1 %: published"] for row in table("pad-imagenet-resnet34-resnet18")}
    assert rows["pad"] == "71.71 (paper), 71.72 (torchdistill)"
    assert rows["pad_none"] == "70.90 (paper), 71.08 (torchdistill), after 90 + 30 epochs"


def test_weights_are_drawn_over_the_second_stage_and_the_images_at_both_ends_are_shown(report: Command) -> None:
    pad("learned", pictured=True)
    report("runs")
    weights = Path("report/figures/spread-pad-weight-pad-cifar100-resnet20-resnet8.svg").read_text()
    assert "95 % of images below" in weights
    shown = Path("report/figures/extremes-pad-weight-pad-cifar100-resnet20-resnet8.svg").read_text()
    assert shown.count("data:image/png;base64,") == 2
    assert "Highest weight, 1 to 2: apple (2)." in Path("report/index.html").read_text()


def test_weights_of_two_values_alone_are_not_drawn_as_a_distribution(report: Command) -> None:
    analysis = pad("ohem") / "analysis.jsonl"
    analysis.write_text(analysis.read_text().replace("[1.0, 1.1, 1.4, 1.6, 1.8, 2.5, 8.0]", "[0, 0, 0, 1, 2, 2, 2]"))
    assert report("runs").code == 0
    assert not list(Path("report/figures").glob("spread-*"))


def test_a_page_shows_the_paper_s_weights_first_and_not_hundreds_of_figures(report: Command) -> None:
    for number in range(13):
        changed(pad("focal", number), settings__distiller__gamma=number + 0.5)
    changed(pad("focal", 13), settings__distiller__gamma=4)
    changed(pad("focal", 14), settings__distiller__gamma=4.0)
    for number in range(12):
        changed(pad("learned", number), settings__distiller__lr=(number + 1) / 100)
    assert report("runs").code == 0
    figures = sorted(path.name for path in Path("report/figures").glob("spread-*"))
    assert len(figures) == 24 and sum("-pad-lr-" in name for name in figures) == 12
    assert "2 more figures are not drawn" in Path("report/report.md").read_text()
    rows = {row["method"]: row["top-1 %: last"] for row in table("pad-cifar100-resnet20-resnet8")}
    assert rows["pad_focal gamma=4"] == "50.00 ± 0.00 (2)", "4 and 4.0 are one arm"


def test_where_all_shown_weights_are_the_same_the_page_says_how_the_images_were_chosen(report: Command) -> None:
    listed = pad("ohem", pictured=True) / "images" / "pad_weight.json"
    listed.write_text(listed.read_text().replace("1.0", "2.0"))
    report("runs")
    assert "Lowest weight, 2, chosen at random among equals: apple (2)." in Path("report/index.html").read_text()


@pytest.mark.parametrize("damage", ["cut short", "no picture", "no list", "no text"])
def test_pictures_that_are_not_whole_are_left_out(report: Command, damage: str) -> None:
    images = pad("learned", pictured=True) / "images"
    if damage == "cut short":
        (images / "pad_weight-lowest.png").write_bytes(png()[:-20])
    elif damage == "no picture":
        (images / "pad_weight-lowest.png").unlink()
    else:
        (images / "pad_weight.json").write_text("[]" if damage == "no list" else "{")
    assert report("runs").code == 0
    assert not list(Path("report/figures").glob("extremes-*"))
    assert list(Path("report/figures").glob("spread-*"))


def test_the_browser_shows_the_pictures(report: Command, browser: Any) -> None:
    pad("learned", pictured=True)
    report("runs")
    page = browser.new_page()
    page.goto(Path("report/index.html").absolute().as_uri())
    drawn = page.locator("svg image").all()
    assert [round(image.bounding_box()["width"]) > 0 for image in drawn] == [True, True]
    size = page.evaluate(
        """async () => {
            const picture = new Image();
            picture.src = document.querySelector("svg image").getAttribute("href");
            await picture.decode();
            return [picture.naturalWidth, picture.naturalHeight];
        }"""
    )
    assert size == [64, 32]
    page.close()
