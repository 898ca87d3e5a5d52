"""The sections of a model card. Names of classes and runs are anybody's text: report/markdown.py escapes all of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from unix_exp.deploy.card_accuracy import accuracy, share
from unix_exp.deploy.card_limits import limits
from unix_exp.deploy.known import Known
from unix_exp.report.blocks import MISSING, Block, Cell, Code, Notice, Row, Section, Table, Text
from unix_exp.report.deployed import cells, head_of
from unix_exp.run.commands import words_of
from unix_exp.run.shapes import finite
from unix_exp.run.sources import Average, FromFile, FromStore, Published
from unix_exp.words import counted, duration, listed, size_in_words

MOST_NAMES = 100  # classes that are named
SOURCES = {
    FromStore.__name__: "trained on the same images",
    FromFile.__name__: "read from a file",
    Published.__name__: "with its publisher's weights",
    Average.__name__: "a moving average of the student's own weights",
}

ONNX = """import numpy
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession({file})
upright = ImageOps.exif_transpose(Image.open("image.jpg")).convert("RGB")
pixels = numpy.array(upright)[None]
(logits,) = session.run(None, {{session.get_inputs()[0].name: pixels}})"""


def title(known: Known) -> str:
    teacher = known.result.get("teacher")
    taught = f", taught by {teacher['name']}" if teacher else ""
    return f"{known.result['student']}{taught}, on {known.result['dataset']}"


def lead(known: Known) -> str:
    size = "" if known.images is None else f" of {known.images.size} x {known.images.size} pixels"
    top1 = known.result["last"]["top1"]
    shown = f"{top1:.2f} % of the test images" if known.images is None else share(known.images)
    return (
        f"{known.result['student']} tells {len(known.classes):,} classes apart in images{size}. It is right for "
        f"{shown}. It has {known.parameters:,} parameters; its file has {size_in_words(known.bytes)}."
    )


def sections(known: Known) -> list[Section]:
    made = [
        Section("Classes", "classes", [Text(names(known.classes))]),
        Section("How to use it", "use", list(use(known))),
        Section("Data", "data", [Text(data(known))]),
        Section("How it was trained", "training", list(training(known))),
        Section("What it cost to train", "cost", [Text(cost(known))]),
        Section("Accuracy", "accuracy", list(accuracy(known))),
        Section("Measured in use", "in-use", list(measured(known))),
        Section("Exported files", "exports", list(exported(known))),
        Section("Limits", "limits", [Notice("Before one relies on it", list(limits(known)))]),
    ]
    return [section for section in made if section.blocks]


def names(classes: Sequence[str]) -> str:
    rest = "; student.json has them all" if len(classes) > MOST_NAMES else ""
    return f"{listed(list(classes), MOST_NAMES)}{rest}."


def use(known: Known) -> Iterator[Block]:
    name = known.path.resolve().name
    own = None if known.description is None else known.description.preprocessing
    if own is None:
        yield Text("Its record does not say how an image becomes its input, so it takes prepared images alone.")
        prepared, more = "images", ""
    else:
        yield Text(
            f"It was trained on images whose shorter side is scaled to {own.resize} pixels ({own.interpolation}), of "
            f"which the middle {own.size} x {own.size} are cut out, as (pixels / 255 - mean) / deviation with the mean "
            f"{numbers(own.mean)} and the deviation {numbers(own.std)}; preprocess does so. On others it is worse."
        )
        prepared, more = 'student.preprocess("image.jpg")[None]', "\nprint(student.classes[logits.argmax()])"
    lines = f"import unix_exp\n\nstudent = unix_exp.load({json.dumps(name)}, logits=True)\nlogits = student({prepared})"
    yield Code("With unix_exp, in the folder above this one:", lines + more, "python")
    if more:
        files = [name, *(f"{name}/{file}" for file in known.exports if file.isprintable())]
        asked = [shlex.join(["python", "-m", "unix_exp.predict", file, "image.jpg"]) for file in files]
        yield Code("From the command line:", "\n".join(asked))
    for file, one in known.exports.items():
        if file.endswith(".onnx") and one.get("preprocessing") == "inside":
            code = ONNX.format(file=json.dumps(file))
            yield Code("With ONNX Runtime alone, in this folder; images are prepared by the file:", code, "python")
            break


def numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{one:.4g}" for one in values)


def data(known: Known) -> str:
    fingerprint = known.result.get("fingerprint")
    kept = " Its fingerprint, fingerprint in result.json, says which images they were." if fingerprint else ""
    if known.images is None:
        return f"{known.result['dataset']}.{kept} The images were not there when this was written."
    counts = [counted(known.images.train, "training image"), counted(known.images.test, "test image")]
    if known.images.val:
        counts.insert(1, counted(known.images.val, "validation image"))
    return f"{known.result['dataset']}: {', '.join(counts)}.{kept}"


def training(known: Known) -> Iterator[Block]:
    result, settings = known.result, known.result["settings"]
    parts = (
        f"method {result['method']} (distiller {settings['distiller']['name']}, sampler {settings['sampler']['name']}, "
        f"criterion {' + '.join(settings['criterion'])})"
    )
    stages = result.get("stages") or [{"epochs": settings["recipe"]["epochs"]}]
    epochs = counted(sum(stage["epochs"] for stage in stages), "epoch")
    yield Text(f"With {parts}, for {epochs} in batches of {settings['recipe']['batch']}, seed {result['seed']}.")
    if teacher := result.get("teacher"):
        source = SOURCES.get(teacher.get("source"), "of unknown origin")
        yield Text(f"Its teacher: {teacher['name']}, {source}, right for {teacher['top1']:.2f} % of the test images.")
    if (words := words_of(result.get("command"))) is not None:
        yield Code("This repeats it, with the same data:", shlex.join(words))


def cost(known: Known) -> str:
    result, spent = known.result, known.result["cost"]
    gflops, percent = spent["gflops"], spent.get("percent_of_kd")
    compared = "" if percent is None else f", {percent:.1f} % of conventional distillation's"
    said = [
        f"{rounded(gflops['total_gflops'])} GFLOPs{compared}. One FLOP is one multiply-add, and a backward pass costs "
        f"as much as a forward pass ({rounded(gflops['total_gflops_backward_2'])} if it costs two). It took "
        f"{duration(result['time']['train_seconds'])} on {result['hardware']}."
    ]
    said += [
        f"Once, for every student: training the {role} took {rounded(once['gflops'])} GFLOPs."
        for role, once in (spent.get("once") or {}).items()
    ]
    return " ".join(said)


def rounded(gflops: float) -> str:
    return f"{gflops:,.0f}" if gflops >= 100 else f"{gflops:.3g}"


def measured(known: Known) -> Iterator[Block]:
    if (found := known.measured) is None:
        return
    rows = [cells(one, [str(batch) for batch in found["batches"]]) for one in found["networks"]]
    yield Table(f"On {found['hardware']}.", head_of(found["batches"]), rows, texts=2, notes=found["how"])


def exported(known: Known) -> Iterator[Block]:
    if not known.exports:
        return
    head = ["file", "prepares images", "size", "top-1 %", "same guess %", "largest difference %", "test images"]
    rows: list[Row] = [
        [
            name,
            "itself" if one.get("preprocessing") == "inside" else "no",
            size_in_words(one["bytes"]) if finite(one.get("bytes")) else MISSING,
            *(in_words(one.get(key)) for key in ("accuracy", "agreement")),
            in_words(one.get("largest_difference"), 100),
            in_words(one.get("checked_on")),
        ]
        for name, one in known.exports.items()
    ]
    note = "The difference is of a logit, as a share of the student's largest."
    yield Table("Each was compared with the student before it was written.", head, rows, texts=2, notes=[note])


def in_words(value: Any, factor: int = 1) -> str | Cell:
    if not finite(value):
        return MISSING
    return f"{factor * value:.4g}" if isinstance(value, float) else f"{value:,}"
