"""An ONNX model in whole numbers of eight bits, whose ranges are those that some training images take.

ONNX Runtime's static quantisation in its default form for CPUs: signed weights, a scale for each channel of them, and
signed activations (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from unix_exp.deploy.needed import needed
from unix_exp.deploy.quietly import quiet
from unix_exp.deploy.to_onnx import without_remarks
from unix_exp.types import Mistake
from unix_exp.words import first_line


class Shown:
    """Batches of images as ONNX Runtime asks for them."""

    def __init__(self, name: str, batches: Iterable[Tensor]) -> None:
        self.rows: Iterator[dict[str, Any]] = ({name: images.numpy()} for images in batches)

    def get_next(self) -> dict[str, Any] | None:
        return next(self.rows, None)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for files of a moment, which ONNX Runtime needs."""
    try:
        with TemporaryDirectory() as folder:
            yield Path(folder)
    except OSError as error:
        why = f"a temporary file for int8 cannot be written ({error.strerror or error})"
        raise Mistake(f"{why}; free some space, or set TMPDIR to another folder") from None


def in_int8(network: Any, batches: Iterable[Tensor]) -> Any:
    """Of a network without its preparation, which stays exact."""
    onnx, quantization = needed("onnx", "for int8"), needed("onnxruntime.quantization", "for int8")
    shapes = needed("onnxruntime.quantization.shape_inference", "for int8")
    name = network.graph.input[0].name
    with scratch() as folder:
        plain, ready, small = (folder / f"{one}.onnx" for one in ("plain", "ready", "small"))
        onnx.save(network, plain)
        try:
            with quiet():
                shapes.quant_pre_process(plain, ready)
                reader = type("Reader", (Shown, quantization.CalibrationDataReader), {})(name, batches)
                quantization.quantize_static(ready, small, reader, per_channel=True)
        except (Mistake, OSError):
            raise  # of an image that cannot be read, of a full disk
        except Exception as error:  # of an operation that it does not know
            raise Mistake(f"ONNX Runtime cannot quantise this network: {first_line(error)[:300]}") from error
        model = onnx.load(small)
    without_remarks(model)
    return model
