"""looks.json as a report reads it: shown whole, or named and left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_looks import looking, picture, values, written
from made_runs import made

from unix_exp.report.blocks import Table
from unix_exp.report.run_classes import accuracies
from unix_exp.report.runs import read_run
from unix_exp.run.looks import LIMIT, looks_of


def test_a_report_reads_what_a_run_shows(tmp_path: Path) -> None:
    run = read_run(looking(made(tmp_path)))
    looks = run.looks
    assert looks is not None and run.flaws == []
    assert looks["confused"][0] == {"true": "apple", "guessed": "maple_tree", "count": 40, "of": 100}
    assert [one["times"] for one in looks["kept"]["least"]] == [3, 4, 5, 6, 7, 8, 9, 10]
    assert all(sum(one["shares"]) == pytest.approx(1) for one in looks["mixed"])
    pictures = [one["picture"] for one in (*looks["kept"]["most"], *looks["mixed"])]
    assert all(one.startswith("data:image/png;base64,") for one in pictures)


def test_a_run_without_one_has_none_and_nothing_is_wrong(tmp_path: Path) -> None:
    run = read_run(made(tmp_path))
    assert run.looks is None and run.flaws == []


def test_parts_may_be_missing(tmp_path: Path) -> None:
    """A method that keeps every image and mixes none."""
    looks = read_run(looking(made(tmp_path), kept=None, mixed=None)).looks
    assert looks is not None and looks.keys() == {"confused"}


def test_a_jpeg_of_64_pixels_is_shown(tmp_path: Path) -> None:
    mixed = [{"names": ["a", "b"], "shares": [0.5, 0.5], "picture": picture(1, 64, "JPEG")}]
    looks = read_run(looking(made(tmp_path), mixed=mixed)).looks
    assert looks is not None and looks["mixed"][0]["picture"].startswith("data:image/jpeg;base64,")


def mixed(**others: Any) -> dict[str, Any]:
    return {"mixed": [{"names": ["a", "b"], "shares": [0.4, 0.6], "picture": picture(0, 8), **others}]}


ODD: dict[str, dict[str, Any]] = {
    "confused is '7'": {"confused": 7},
    "count is missing in a value in confused": {"confused": [{"true": "a", "guessed": "b", "of": 3}]},
    "4 of 3 images are confused": {"confused": [{"true": "a", "guessed": "b", "count": 4, "of": 3}]},
    "a list has 65 entries, more than 64": {"confused": 65 * values()["confused"][:1]},
    "a count is below 0, or beyond all counts": {"kept": {"epochs": -1, "most": [], "least": []}},
    "an image is not mixed of two": mixed(shares=[0.4, 1.6]),
    f"a class is called {'x' * 40!r}": mixed(names=["a", "x" * 201]),
    "a picture is not in base64": mixed(picture="<script>"),
    "a picture is none": mixed(picture="AAAA"),
    "a picture is 65 x 65 pixels large": mixed(picture=picture(0, 65)),
    "it has 3084 bytes": mixed(picture="AAAA" * 1028),
}


@pytest.mark.parametrize("said", ODD)
def test_what_does_not_fit_is_named_and_not_shown(tmp_path: Path, said: str) -> None:
    run = read_run(looking(made(tmp_path), **ODD[said]))
    assert run.looks is None
    (flaw,) = run.flaws
    assert flaw.startswith("looks.json is damaged: ") and said in flaw and "\n" not in flaw


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"7", b"{}", b'{"confused": [NaN]}', b"\xff" * LIMIT * 2]
)
def test_any_content_is_read_without_harm(tmp_path: Path, content: bytes) -> None:
    run = read_run(written(made(tmp_path), content))
    assert run.looks is None and len(run.flaws) == 1 and run.flaws[0].startswith("looks.json")


def test_one_that_was_changed_or_removed_is_named(tmp_path: Path) -> None:
    folder = looking(made(tmp_path))
    (folder / "looks.json").write_text((folder / "looks.json").read_text().replace("apple", "peach"))
    assert (run := read_run(folder)).looks is None and run.flaws == ["looks.json is not what the run wrote"]
    (folder / "looks.json").unlink()
    assert (run := read_run(folder)).looks is None and run.flaws == ["looks.json is missing"]
    os.mkfifo(folder / "looks.json")
    assert (run := read_run(folder)).looks is None and "no regular file" in run.flaws[0]


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    folder = looking(made(tmp_path))
    code = "import sys, pathlib; from unix_exp.run.looks import looks_of; assert looks_of(pathlib.Path(sys.argv[1]))[0]"
    code += "; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, folder], check=True)
    assert looks_of(folder)[1] is None


def test_classes_are_called_as_the_students_description_calls_them(tmp_path: Path) -> None:
    run = read_run(made(tmp_path, schedule=2))
    described = run.path / "student.json"
    for content, first in (
        ('{"classes": ["<i>one", "2", "3", "4", "5", "6", "7", "8", "9", "ten"]}', "<i>one"),
        ('{"classes": ["too", "few"]}', "class 0"), ("[" * 100_000, "class 0"), ("[]", "class 0"),
    ):  # fmt: skip
        described.write_text(content)
        (table,) = accuracies(run)
        assert isinstance(table, Table)
        assert first in [row[0] for row in table.rows]
