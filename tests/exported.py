"""A tiny finished run on image files of all sizes, and its exports: made once for a file of tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from common import only
from PIL import Image

import unix_exp
from unix_exp.deploy import to_onnx
from unix_exp.export.__main__ import main as export

COLOURS = {"red": (200, 60, 60), "green": (60, 200, 60), "blue": (60, 60, 200)}
WORDS = (
    "experiment=scratch", "student=resnet8", "dataset=folder", "dataset.path=images", "dataset.size=32",
    "dataset.stream=true", "dataset.workers=0", "recipe=smoke", "recipe.batch=12", "logger=none",
)  # fmt: skip


def paint_folder(root: Path) -> None:
    """Three classes that a colour tells apart, as PNG and JPEG."""
    random = np.random.default_rng(0)
    for half, count in (("train", 12), ("test", 4)):
        for name, colour in COLOURS.items():
            (root / half / name).mkdir(parents=True)
            for number in range(count):
                height, width = random.integers(34, 80, 2)
                pixels = random.normal(colour, 50, (height, width, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / half / name / f"{number}{('.png', '.jpg')[number % 2]}")


def trained(folder: Path) -> Path:
    """The run's folder."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        paint_folder(folder / "images")
        for _ in unix_exp.fit(*WORDS):
            pass
    return only(folder / "runs")


def typed_in(folder: Path, main: Callable[[], None], *words: str) -> int:
    """The exit code of a command."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr(sys, "argv", ["command", *words])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


def exported(folder: Path) -> Path:
    """The run's folder with all exports, and beside runs/ the folder `inside`, whose file prepares its images."""
    run, write, made = trained(folder), to_onnx.network_of, {}

    def once(program: Any, opset: int) -> Any:
        """It takes seconds, and both are of the same network."""
        return made.setdefault(opset, None) or made.update({opset: write(program, opset)}) or made[opset]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(to_onnx, "network_of", once)
        assert typed_in(folder, export, str(run), "--images", "20") == 0
        words = ("--preprocessing", "inside", "--formats", "onnx", "--check", "6", "--out", "made/inside")
        assert typed_in(folder, export, str(run), *words) == 0
    return run
