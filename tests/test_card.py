"""The model card: it says what records and guesses say, and no name of a class or a run can change its shape."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from made_runs import made

from unix_exp.data.preprocessing import Preprocessing
from unix_exp.deploy.card import NAME, OURS, card, write_card
from unix_exp.deploy.judged import Judged, wilson
from unix_exp.deploy.known import Images, Known
from unix_exp.run.description import Description

HOSTILE = (
    "<script>alert(1)</script>",
    "a | b",
    "![x](https://evil.example/a.png)",
    "# not\n## a title",
    "```",
    "www.evil.example",
)
WANTED = Preprocessing(8, 9, "bicubic", (0.1, 0.2, 0.3), (1.0, 0.5, 0.25))


def known(folder: Path, classes: tuple[str, ...], judged: Judged | None = None, **others: Any) -> Known:
    run = made(folder)
    result = json.loads((run / "result.json").read_text()) | {"command": "python -m unix_exp.train student=vgg8"}
    if judged is None:
        labels = torch.arange(len(classes)).repeat(3)
        judged = Judged((labels + (torch.arange(len(labels)) % 3 == 1)) % len(classes), labels, len(classes))
    images = Images(500, 20, len(judged.labels), 8, ("1 of 3 test images is a training image too",), True, judged)
    plain = Known(run, result, Description({"name": "vgg8"}, classes, WANTED), classes, 1234, 5678, images, None, {})
    return plain._replace(**others)


def rows_below(text: str, title: str) -> list[list[str]]:
    """The cells of the table below a bold line."""
    lines = iter(text.partition(f"**{title}")[2].splitlines()[2:])
    found = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines_of_table(lines)]
    return found[2:]


def lines_of_table(lines: Any) -> Any:
    for line in lines:
        if not line.startswith("|"):
            return
        yield line


def test_it_says_how_right_each_class_is_and_what_it_is_taken_for(tmp_path: Path) -> None:
    labels = torch.tensor([0] * 4 + [1] * 2 + [2])
    guesses = torch.tensor([0, 0, 1, 1, 1, 2, 0])
    text = card(known(tmp_path, ("cat", "dog", "cow", "unicorn"), Judged(guesses, labels, 4)))
    half = wilson(2, 4)
    assert rows_below(text, "By class") == [
        ["cat", "50.0", f"{half.low:.1f} to {half.high:.1f}", "4"],
        ["dog", "50.0", "9.5 to 90.5", "2"],
        ["cow", "0.0", "0.0 to 79.3", "1"],
        ["unicorn", "—", "—", "0"],
    ]
    pairs = [["cat", "dog", "2", "50.0"], ["cow", "cat", "1", "100.0"], ["dog", "cow", "1", "50.0"]]
    assert rows_below(text, "What is confused") == pairs
    assert "right for 42.86 % of 7 test images" in text and "500 training images, 20 validation images, 7 test" in text
    assert "Of these classes no test image was looked at: unicorn." in text and "0 to 4 test images" in text
    assert "> - 1 of 3 test images is a training image too." in text


def test_of_many_classes_the_worst_come_first(tmp_path: Path) -> None:
    labels = torch.arange(60).repeat(2)
    guesses = labels.clone()
    guesses[59], guesses[[17, 77]] = 0, 1
    text = card(known(tmp_path, tuple(f"c{number}" for number in range(61)), Judged(guesses, labels, 61)))
    rows = rows_below(text, "By class, the worst 50 of 61.")
    assert [row[0] for row in rows[:3]] == ["c17", "c59", "c0"] and len(
        rows
    ) == 50  # c60, which no image shows, is none of them


def test_method_teacher_cost_and_the_line_that_repeats_it_are_the_records(tmp_path: Path) -> None:
    one = known(tmp_path, ("a", "b"))
    text = card(one)
    for said in (
        "# vgg8, taught by vgg13, on cifar100", "for 240 epochs in batches of 64, seed 0", "right for 74.00 %",
        "285,000 GFLOPs, 95.0 % of conventional", "1h 00m on a machine that is made up", "1,234 parameters", "5.7 KB",
        "```sh\npython -m unix_exp.train student=vgg8\n```", "are not known", "no epoch was chosen",
    ):  # fmt: skip
        assert said in text, said
    assert "Measured in use" not in text and "Exported files" not in text
    chosen = {"val": {"epoch": 7, "top1": 71.5, "top5": 90.0, "images": 20}, "command": "python -m os; rm -rf /"}
    other = card(one._replace(result={**one.result, **chosen}))
    assert "Of the validation images: 71.50 %, in epoch 7." in other and "chosen on validation images" in other
    assert "rm -rf" not in other


def test_no_name_changes_its_shape(tmp_path: Path) -> None:
    tame = tuple(f"class{number}" for number in range(len(HOSTILE)))
    one = known(tmp_path / "one", tame)
    exports = {name: {"<b>": "<i>", "bytes": 3} for name in ("x`\n---\n| a |.onnx", "evil.onnx")}
    plain, text = card(one), card(one._replace(classes=HOSTILE))
    assert len(plain.splitlines()) == len(text.splitlines())
    assert len(rows_below(text, "By class")) == len(HOSTILE)
    assert all(len(row) == 4 for row in rows_below(text, "By class"))
    assert all(len(row) == 4 for row in rows_below(text, "What is confused"))
    evil = {**one.result, "student": HOSTILE[2], "dataset": HOSTILE[3], "method": HOSTILE[0], "hardware": HOSTILE[1]}
    text += card(one._replace(result=evil, classes=HOSTILE, exports=exports, images=None))
    prose = re.sub(r"```.*?```", "", text.replace(OURS, ""), flags=re.DOTALL)
    for line in prose.splitlines():
        assert "<" not in line and (line.startswith("tags: ") or not re.search(r"(?<!\\)\[", line)), line
        assert "://" not in line and "www." not in line
    assert (
        "# !\\[x\\](https:&#47;&#47;evil.example/a.png), taught by vgg13, on \\# not \\#\\# a title"
        in prose.splitlines()
    )
    assert "evil.onnx" in text and "a |" not in text.partition("From the command line")[2].partition("## Data")[0]


@pytest.mark.parametrize(
    ("licences", "wanted"),
    [({}, None), ({"resnet": "Apache-2.0"}, "apache-2.0"), ({"a": "mit", "b": "MIT"}, "mit"),
     ({"a": "mit", "b": "apache-2.0"}, "other"), ({"a": "x\nevil: true"}, "other")],
)  # fmt: skip
def test_its_metadata_are_yaml_that_says_the_licence_where_it_is_known(
    tmp_path: Path, licences: dict[str, str], wanted: str | None
) -> None:
    one = known(tmp_path, ("a", "b"))
    assert one.description is not None
    described = Description(one.description.architecture, one.classes, WANTED, licences=licences)
    text = card(one._replace(description=described))
    _, block, rest = text.split("---\n", 2)
    assert yaml.safe_load(block) == {
        **({"license": wanted} if wanted else {}), "pipeline_tag": "image-classification", "library_name": "unix_exp",
        "tags": ["image-classification", "knowledge-distillation", "unix_exp"],
    }  # fmt: skip
    assert rest.startswith(OURS)


def test_without_its_images_it_says_so(tmp_path: Path) -> None:
    text = card(known(tmp_path, ("a", "b"), images=None))
    assert "The images were not there when this was written." in text
    assert "By class" not in text and "73.50 % of the test images" in text


def test_a_card_that_people_made_their_own_stays(tmp_path: Path) -> None:
    one = known(tmp_path, ("a", "b"))
    assert write_card(one) is None and write_card(one) is None
    path = one.path / NAME
    assert path.read_text() == card(one)
    path.write_text("Mine.\n")
    said = write_card(one)
    assert said is not None and "stays as it is" in said and path.read_text() == "Mine.\n"
