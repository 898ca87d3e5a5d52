"""A list of images and labels is a data set, and a row that can't be used is named by its line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some
from pictures import loaded, paint

from unix_exp.config.names import dataset_name
from unix_exp.data import tables
from unix_exp.data.held_out import held_out
from unix_exp.data.tables import table_of
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake

KINDS = ("cat", "dog")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Ten images of either kind, in a folder beside the lists."""
    for label, name in enumerate(KINDS):
        for number in range(10):
            paint(tmp_path / "images" / f"{name}{number}.png", 10 * label + number)
    return tmp_path


def rows(count: int = 10, first: int = 0) -> list[tuple[str, str]]:
    return [(f"images/{name}{number}.png", name) for number in range(first, first + count) for name in KINDS]


def written(path: Path, head: str, lines: list[tuple[str, ...]], separator: str = ",") -> Path:
    path.write_text("\n".join([head, *(separator.join(line) for line in lines), ""]))
    return path


def listed(path: Path, **more: object) -> Dataset:
    return datasets.make("listed", {"path": str(path), "cache": str(path.parent / "cache"), **more})


def test_a_list_without_splits_gives_a_share_of_each_class_to_test_on(place: Path) -> None:
    path = written(place / "list.csv", "file;Class", rows(), ";")
    data = listed(path, augment=False, val=0.25)
    assert (data.classes, data.size) == (KINDS, 16)
    assert (data.train_count, data.val_count, data.test_count) == (12, 4, 4)
    (note,) = data.examine(None)
    assert "4 of 20 images" in note
    loaded(data)
    everything = rows()
    tested = held_out([KINDS.index(name) for _, name in everything], 0.2, 0)
    (images, labels), *_ = data.test_batches(9)
    for place_of, row in enumerate(tested):
        assert (images[place_of] - data.preprocessing()(str(place / everything[row][0]))).abs().max() < 1e-4
        assert data.classes[labels[place_of]] == everything[row][1]
    assert dataset_name({"dataset": {"name": "x", "path": str(path), "title": None}}) == "list.csv"


def test_splits_of_a_list_are_kept_and_it_may_move(place: Path) -> None:
    lines = [(*row, part) for part, some in
             (("Train", rows(6)), ("validation", rows(2, 6)), ("TEST", rows(2, 8))) for row in some]  # fmt: skip
    data = listed(written(place / "list.csv", "image,label,subset", lines))
    assert (data.train_count, data.val_count, data.test_count) == (12, 4, 4)
    with pytest.raises(Mistake, match="dataset.val is 0.1, but '.*list.csv' has validation images of its own"):
        listed(place / "list.csv", val=0.1)
    without_val = [line for line in lines if line[2] != "TEST"]
    assert listed(written(place / "less.csv", "image,label,subset", without_val)).test_count == 4
    moved = place.rename(place.parent / "moved")
    assert listed(moved / "list.csv").fingerprint() == data.fingerprint()
    assert listed(moved / "less.csv").fingerprint() != data.fingerprint()


def test_columns_are_found_by_name_or_chosen_and_whole_numbers_are_sorted_as_such(place: Path) -> None:
    lines = [(f"images/{name}{number}.png", str(9 + label), "x") for number in range(10)
             for label, name in enumerate(KINDS)]  # fmt: skip
    path = written(place / "list.tsv", "where\tkind\tmore", lines, "\t")
    data = listed(path, columns={"path": "where", "label": "kind"})
    assert data.classes == ("9", "10")
    with pytest.raises(Mistake, match="has the columns where, kind, more; for the path name one path or file or"):
        listed(path)
    with pytest.raises(Mistake, match=r"dataset.columns.label is 'kinds', but .* no such column; did you mean 'kind'"):
        listed(path, columns={"path": "where", "label": "kinds"})
    with pytest.raises(Mistake, match="dataset.columns has no 'labels'; did you mean 'label'"):
        listed(path, columns={"labels": "kind"})


def test_parquet_is_read_like_csv(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = {"path": [row[0] for row in rows()], "label": [row[1] for row in rows()]}
    parquet.write_table(pyarrow.table(table), place / "list.parquet")
    csv = written(place / "list.csv", "path,label", rows())
    assert listed(place / "list.parquet").fingerprint() == listed(csv).fingerprint()
    table["label"][3] = None
    parquet.write_table(pyarrow.table(table), place / "list.parquet")
    with pytest.raises(Mistake, match=r"row 4 of '.*list.parquet' has no label; fill it in"):
        listed(place / "list.parquet")
    monkeypatch.setattr(tables, "MOST_UNPACKED", 100)
    with pytest.raises(Mistake, match="list.parquet' unpacks to more than 100 bytes; a list holds paths and labels"):
        listed(place / "list.parquet")
    (place / "list.parquet").write_bytes(b"PAR1" + b"\0" * 40 + b"PAR1")
    with pytest.raises(Mistake, match=r"list.parquet' can't be read as parquet \("):
        listed(place / "list.parquet")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        ("images/cat3.png,", "line 4 of '.*list.csv' has no label; fill it in or remove the row"),
        (",cat", "line 4 of '.*' has no path"),
        ("images/lion.png,cat", "line 4 of '.*list.csv': '.*images/lion.png' can't be read"),
        ("images,cat", "line 4 of '.*': '.*images' is a folder and no image"),
        ("images/cat0.png,dog", "line 4 of '.*' names '.*cat0.png' again, after line 2; keep one"),
        ("./images/../images/cat0.png,cat", "line 4 .* again, after line 2"),
        ("images/cat3.png,cat,more", "line 4 of '.*' has 3 values for 2 columns"),
        ('"images/cat3.png,cat', r"line 4 of '.*' can't be read as CSV \(unexpected end of data\)"),
        (f"images/cat3.png,{'c' * 200_000}", r"line 4 of '.*' can't be read as CSV \(field larger than"),
        (f"images/cat1.png,{'c' * 300}", "has a class called 'c+'; a name is one line of 1 to 200 characters"),
        ("images/cat\0.png,cat", "line 4 of '.*' has a character that is no text"),
        ("images/cat\x1b[2J.png,cat", r"line 4 of '.*' has a path with controls, '.*\\x1b\[2J.png'"),
        ("images/cat1.png,c\x07t", "has a class called 'c.x07t'"),
        ("images/caf\udce9.png,cat", "line 4 of '.*' is no text in UTF-8; save it as CSV in UTF-8"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(place: Path, spoil: str, complaint: str) -> None:
    lines = [",".join(row) for row in rows()]
    lines[2] = spoil
    text = "\n".join(["path,label", *lines])
    (place / "list.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(Mistake, match=complaint) as raised:
        listed(place / "list.csv")
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "list.csv' is empty; repair or remove it"),
        ("path,label\n", "has no rows; a list has a line of column names and"),
        ("path,Path\na,b\n", "has two columns called 'path'; rename one"),
        ("path,label,split\nimages/cat0.png,cat,later\n", "has split 'later'; write train, val or test, or choose"),
        ("path,label,split\nimages/cat0.png,cat,test\n", "has no row of split train"),
        ("path,label\nimages/cat0.png,cat\n", "has 1 classes; it needs two or more"),
        ("path,label\nimages/cat0.png,cat\nimages/dog0.png,dog\n", "has one image of each class, so none can be held"),
        (
            "path,label,split\nimages/cat0.png,cat,train\nimages/cat1.png,dog,train\nimages/cat2.png,owl,test\n",
            "has class 'owl' among its test images and no training image of it",
        ),
        ("path,label\n" + '"' + "\n" * 2000, r"line 2 of '.*' can't be read as CSV \(it does not end"),
    ],
)
def test_a_list_that_cannot_be_trained_on_is_one_line(place: Path, text: str, complaint: str) -> None:
    (place / "list.csv").write_text(text)
    with pytest.raises(Mistake, match=complaint):
        listed(place / "list.csv")


def test_a_list_is_a_file(place: Path) -> None:
    with pytest.raises(Mistake, match="dataset.path is '.*nowhere.csv'; there is no such file"):
        listed(place / "nowhere.csv")
    with pytest.raises(Mistake, match="images', a folder; for a folder of images choose dataset=folder"):
        listed(place / "images")


@given(
    data=some.one_of(
        some.binary(max_size=80),
        some.text('pathlbe,;"\n\r\t 1', max_size=80).map(lambda text: b"path,label\n" + text.encode()),
    )
)
@example(data=b"\xef\xbb\xbfpath,label\r\na,b\r\n")
@settings(deadline=None, max_examples=100)
def test_whatever_is_in_a_table_it_is_read_or_one_line_says_why_not(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        path.write_bytes(data)
        try:
            table = table_of(str(path))
        except Mistake as mistake:
            said = str(mistake)
        else:
            said = "fine"
            assert all(len(row) == len(table.columns) for row in table.rows)
            assert sorted(set(table.lines)) == list(table.lines)
        assert len(said.splitlines()) == 1 and said.isprintable()
