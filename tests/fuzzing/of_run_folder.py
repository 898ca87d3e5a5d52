"""The small files of a run folder, read as training, sweeps and reports read them."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import re
import shutil
from functools import cache
from pathlib import Path

import yaml
from made_runs import made

from unix_exp.report.__main__ import write
from unix_exp.run.folder import RunFolder
from unix_exp.run.history import kept
from unix_exp.sweeps.plan import epochs_of, finished, state_of
from unix_exp.types import Mistake

from .frame import FINE, REFUSED
from .mutations import changed, replaced, spoiled

SPOILED, WHOLE = "kd", "unix"


@cache
def files() -> dict[str, bytes]:
    """What a finished run holds, by name."""
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        folder = made(Path(place), SPOILED, epochs=5, schedule=5)
        result = json.loads((folder / "result.json").read_text())
        result["command"] = "python -m unix_exp.train teacher=vgg13 student=vgg8 seed=0"
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
    values = {"agreement": 71.5, "by_class": {"a": 1.0, "b": 2.0}, "curve": [[0.1, 0.5], [0.2, 0.6]]}
    probed = {"probe": "agreement", "about": "how often", "settings": {"batch": 250}, "found": values}
    ends = {end: [{"index": 3, "class": "cat", "value": 0.5}] for end in ("highest", "lowest")}
    return {
        **found,
        "result.json": json.dumps(result).encode(),
        "config.yaml": yaml.dump(result["settings"]).encode(),
        "failure.txt": b"the loss is nan in epoch 2\n",
        "probes/agreement.json": json.dumps(probed).encode(),
        "images/weight.json": json.dumps(ends).encode(),
    }


class RunFolderFiles:
    """One whole run, and one of whose files one or two are spoiled."""

    name = "run-folder"

    def make(self, draw: random.Random, folder: Path) -> None:
        made(folder / "runs", WHOLE, epochs=5, schedule=5)
        mine = folder / "runs" / "spoiled"
        for name, content in files().items():
            (mine / name).parent.mkdir(parents=True, exist_ok=True)
            (mine / name).write_bytes(content)
        for _ in range(draw.choice((1, 1, 2))):
            path = mine / draw.choice([*files(), "result.json", "result.json"])
            self.spoil(draw, path)

    def spoil(self, draw: random.Random, path: Path) -> None:
        way = draw.random()
        if way < 0.1 or not path.is_file() or path.is_symlink():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            replaced(draw, path)
            return
        content = path.read_bytes()
        try:
            if way < 0.6 and path.suffix == ".json":
                content = json.dumps(changed(draw, json.loads(content))).encode()
            elif way < 0.6 and path.suffix == ".yaml":
                content = yaml.dump(changed(draw, yaml.safe_load(content))).encode()
            elif way < 0.6 and path.suffix == ".jsonl":
                lines = content.splitlines()
                at = draw.randrange(len(lines))
                lines[at] = json.dumps(changed(draw, json.loads(lines[at]))).encode()
                content = b"\n".join(lines) + b"\n"
            else:
                content = spoiled(draw, content)
        except (ValueError, yaml.YAMLError):  # it was spoiled before, or cannot be written
            content = spoiled(draw, content)
        path.write_bytes(content)

    def read(self, folder: Path) -> str:
        verdicts = {self.by_training(folder / "runs" / "spoiled"), self.by_report(folder)}
        return REFUSED if REFUSED in verdicts else FINE

    def by_training(self, path: Path) -> str:
        run = RunFolder(path)
        run.failure(), epochs_of(run), kept(run.metrics, 5), list(finished(path.parent))
        try:
            run.result(), state_of(run)
        except Mistake:
            return REFUSED
        return FINE

    def by_report(self, folder: Path) -> str:
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            write([folder / "runs"], folder / "report")
        lines = said.getvalue().splitlines()
        assert all(line.startswith(("skipped ", "not whole ")) for line in lines) and len(lines) <= 2, (
            f"it said {lines}"
        )
        page = (folder / "report" / "index.html").read_text()
        assert WHOLE in page.lower(), "the whole run is not in the report"
        for table in (folder / "report" / "tables").glob("*.csv"):
            with table.open(newline="") as file:
                raw = [cell for row in csv.reader(file) for cell in row if is_formula(cell)]
            assert not raw, f"{table.name} holds the formula {raw[0][:40]!r}"
        return REFUSED if lines else FINE


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet might compute it: what begins as a number does may only be figures."""
    if cell.startswith(("+", "-")):
        return re.search(r"[A-Za-z|!]", re.sub("to|pp|seed|no spread", "", cell)) is not None
    return cell.startswith(("=", "@", "\t", "\r"))


TARGET = RunFolderFiles()
