"""A finished run's student written in other formats; each file is checked before it is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from unix_exp.deploy import programs, to_int8, to_onnx, to_pt2
from unix_exp.deploy.check import ALLOWED, ALLOWED_INSIDE, Comparison, compare
from unix_exp.deploy.images import Images
from unix_exp.deploy.loaded import Loaded, of_content, opened
from unix_exp.deploy.needed import EXTRA, missing
from unix_exp.deploy.records import exports_of, hash_of, record
from unix_exp.run.checkpoint import HOUR, content_hash, remove_leftovers, write_whole
from unix_exp.run.description import Description
from unix_exp.run.load import load, read_result
from unix_exp.run.mishaps import Unwritable
from unix_exp.types import Mistake, Watch
from unix_exp.words import listed, nearest

FILES = {"onnx": "student.onnx", "pt2": "student.pt2", "int8": "student-int8.onnx"}  # by format
NEEDS = {"onnx": to_onnx.NEEDS, "pt2": (), "int8": to_onnx.NEEDS}
FIRST_OPSET = 18  # the first that PyTorch's exporter writes


@dataclass(frozen=True)
class Asked:
    """What is to be written, and how."""

    formats: tuple[str, ...]
    inside: bool = False  # whether the files prepare images themselves
    opset: int = FIRST_OPSET
    images: int = 128  # training images that int8 is calibrated with
    check: int | None = None  # how many test images to compare on; None: all
    moved: Path | None = None  # where the images are now

    def of(self, form: str, weights: str) -> dict[str, Any]:
        """What determines a file: the same again need not be written again."""
        found: dict[str, Any] = {
            "format": form, "weights": weights, "preprocessing": "inside" if self.inside else "outside",
            "versions": {name: version(name) for name in ("torch", *NEEDS[form])},
        }  # fmt: skip
        if form != "pt2":
            found["opset"] = self.opset
        if form == "int8":
            found["calibrated_on"] = self.images
        return found

    def is_met(self, known: Mapping[str, Any] | None, form: str, weights: str) -> bool:
        """Whether a file is what is asked for, and was compared on as many images."""
        if known is None or any(known.get(key) != value for key, value in self.of(form, weights).items()):
            return False
        looked = known["checked_on"]
        there = known.get("test_images", looked)
        return bool(looked >= min(there, self.check or there))


class Exporter:
    """The forms that one student takes; what several are made of is made once."""

    def __init__(self, network: torch.nn.Module, own: Description, asked: Asked, images: Images) -> None:
        self.network, self.own, self.asked, self.images = network, own, asked, images

    @cached_property
    def program(self) -> Any:
        return programs.program_of(self.network, self.images.data.size)

    @cached_property
    def model(self) -> Any:
        return to_onnx.network_of(self.program, self.asked.opset)

    @cached_property
    def preparation(self) -> Any:
        assert self.own.preprocessing is not None
        return to_onnx.preparation_of(programs.preparation_of(self.own.preprocessing), self.asked.opset)

    @cached_property
    def small(self) -> Any:
        return to_int8.in_int8(self.model, self.images.training(self.asked.images))

    def content(self, form: str, own: Description) -> bytes:
        if form == "pt2":
            inside, prepared = self.asked.inside, own.preprocessing
            program = programs.preparation_of(prepared, self.network) if inside and prepared else self.program
            return to_pt2.content_of(program, own.metadata())
        model = self.model if form == "onnx" else self.small
        whole = to_onnx.joined(self.preparation, model) if self.asked.inside else model
        return to_onnx.content_of(whole, own.metadata())


def export(
    run: Path, asked: Asked, out: Path, force: bool, say: Callable[[str], None], watch: Watch
) -> dict[str, dict[str, Any]]:
    """Write what is asked for into a folder; returns what exports.json says of each file."""
    result, student = read_result(run), opened(run)
    if asked.inside and student.preprocessing is None:
        raise Mistake(f"the data of {run} had no image files, so there is no preprocessing to put into a file")
    weights = content_hash(student.path)
    before = in_the_way(asked, out, force, result["identity"])
    due = [form for form in asked.formats if force or not asked.is_met(before.get(FILES[form]), form, weights)]
    if due:
        prepare_folder(out)
        images = Images.of_run(result, run, student.description, watch, asked.moved)
        network = programs.folded(load(run, logits=True), images.data.size, say)
        exporter = Exporter(network, student.description, asked, images)
        for form in due:
            say(f"writing {FILES[form]}")
            content, comparison = checked(exporter, form, student, out, watch)
            write(out / FILES[form], content)
            values = asked.of(form, weights) | {"bytes": len(content), "hash": hash_of(content)}
            values |= {"test_images": images.data.test_count}
            made = time.strftime("%Y-%m-%dT%H:%M:%S%z")
            record(out, FILES[form], values | comparison.values() | {"run": result["identity"], "made": made})
    after = exports_of(out)
    return {FILES[form]: after[FILES[form]] for form in asked.formats}


def checked(exporter: Exporter, form: str, student: Loaded, out: Path, watch: Watch) -> tuple[bytes, Comparison]:
    """A file's content, compared with the student; a Mistake where it does not answer as it promises."""
    name, own, asked = FILES[form], student.description, exporter.asked
    content = exporter.content(form, own)
    comparison = compare(student, of_content(out / name, content), exporter.images, asked.check, watch)
    if form == "int8":
        return exporter.content(form, replace(own, accuracy={"top1": comparison.export})), comparison
    if (why := comparison.refusal(ALLOWED_INSIDE if asked.inside else ALLOWED)) is not None:
        raise Mistake(f"{name} is not written, as it does not answer as the student does: {why}")
    return content, comparison


def prepare_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Mistake(f"{out} cannot be made ({error.strerror}); choose another folder with --out") from None
    remove_leftovers(out, ".student*.part", age=HOUR)


def write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, lambda part: part.write_bytes(content))
    except Unwritable as error:
        raise Mistake(f"{path} cannot be written ({error.why}); choose another folder with --out") from None


def in_the_way(asked: Asked, out: Path, force: bool, run: str) -> dict[str, dict[str, Any]]:
    """What was exported there before; another file of the same name stays where it is."""
    before = exports_of(out)
    for form in asked.formats:
        file = out / FILES[form]
        known = before.get(file.name)
        if not file.exists():
            before.pop(file.name, None)
        elif force:
            continue
        elif known is None or known["hash"] != content_hash(file):
            raise Mistake(f"{file} is there and is not what was exported; move it away, or replace it with --force")
        elif known.get("run", run) != run:
            raise Mistake(f"{file} is of another run, {known['run']}; choose another folder with --out, or add --force")
    return before


def formats_in(words: str | None) -> tuple[str, ...]:
    """The formats that are asked for, or all whose packages are installed."""
    if words is None:
        return tuple(form for form in FILES if not missing(NEEDS[form]))
    asked = tuple(dict.fromkeys(word.strip() for word in words.split(",") if word.strip()))
    for form in asked:
        if form not in FILES:
            raise Mistake(f"there is no format '{form}'; {nearest(form, FILES)}")
        if lacking := missing(NEEDS[form]):
            raise Mistake(f"{form} needs {listed(lacking)}; {EXTRA}")
    if not asked:
        raise Mistake(f"--formats names none; choose some of {','.join(FILES)}")
    return asked


def lines(student: Loaded, found: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What was written, for people."""
    some = next(iter(found.values()))
    width = max(len(student.path.name), *map(len, found))
    yield f"{'':{width}}{'bytes':>13}{'accuracy':>11}{'same guess':>12}{'largest difference':>20}"
    yield f"{student.path.name:{width}}{student.bytes:>13,}{some['student']:>9.2f} %"
    for name, one in found.items():
        differing = f"{100 * one['largest_difference']:.2g} %"
        yield f"{name:{width}}{one['bytes']:>13,}{one['accuracy']:>9.2f} %{one['agreement']:>10.2f} %{differing:>20}"
    for name, one in found.items():
        if one["checked_on"] < one.get("test_images", 0):
            yield f"{name} was compared on {one['checked_on']:,} of {one['test_images']:,} test images"
