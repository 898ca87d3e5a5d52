"""A followed network as ONNX, with the preparation of its images before it where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unix_exp.deploy.needed import needed
from unix_exp.deploy.of_onnx import HASH, OUTPUT, UNKNOWN, own_hash
from unix_exp.deploy.quietly import quiet
from unix_exp.types import Mistake
from unix_exp.words import first_line

PREPARED = "prepare/images"  # between the two
NEEDS = ("onnx", "onnxscript", "onnxruntime")


def network_of(program: Any, opset: int) -> Any:
    return model_of(program, "images", OUTPUT, ("batch",), opset)


def preparation_of(program: Any, opset: int) -> Any:
    return model_of(program, "pixels", PREPARED, ("batch", "height", "width"), opset)


def model_of(program: Any, given: str, made: str, dynamic: tuple[str, ...], opset: int) -> Any:
    """A model without anything that names this machine."""
    import torch

    try:
        with quiet():
            exported = torch.onnx.export(
                program, dynamo=True, input_names=[given], output_names=[made], opset_version=opset, verbose=False
            )
        model = exported.model_proto  # type: ignore[union-attr]
    except Exception as error:  # of an operation that it does not know, in any of its kinds
        raise Mistake(f"torch.onnx cannot write this network in opset {opset}: {first_line(error)[:300]}") from error
    if (written := opset_of(model)) != opset:
        raise Mistake(f"this network can be written in opset {written} and not {opset}; choose --opset {written}")
    without_remarks(model)
    shape = model.graph.input[0].type.tensor_type.shape.dim
    rename_dimensions(model, dict(zip((one.dim_param for one in shape if one.dim_param), dynamic, strict=True)))
    return model


def opset_of(model: Any) -> int:
    return next(int(one.version) for one in model.opset_import if one.domain == "")


def without_remarks(model: Any) -> None:
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("metadata_props")
    model.ClearField("metadata_props")


def rename_dimensions(model: Any, names: Mapping[str, str]) -> None:
    """The exporter calls them s34."""
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        for one in value.type.tensor_type.shape.dim:
            if one.dim_param in names:
                one.dim_param = names[one.dim_param]


def joined(preparation: Any, network: Any) -> Any:
    """The one after the other."""
    compose = needed("onnx", "to write ONNX").compose
    apart = compose.add_prefix(preparation, "prepare/", rename_inputs=False, rename_outputs=False)
    return compose.merge_models(apart, network, io_map=[(PREPARED, network.graph.input[0].name)])


def content_of(model: Any, metadata: Mapping[str, str]) -> bytes:
    onnx = needed("onnx", "to write ONNX")
    model.producer_name = "unix_exp"
    onnx.helper.set_model_props(model, {**metadata, HASH: UNKNOWN})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content.replace(UNKNOWN.encode(), own_hash(content).encode(), 1)
