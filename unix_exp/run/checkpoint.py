"""Weights in and out of files, without ever executing a pickle."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from unix_exp.types import Mistake
from unix_exp.words import first_line, listed

WRAPPINGS = ("model", "state_dict")  # {"model": ...} RepDistiller, mdistiller; {"state_dict": ...} UNIX


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` make a file that appears at `path` whole or not at all, whenever the process is killed."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    write_whole(path, lambda part: torch.save(state, part))


def save_weights(path: Path, network: nn.Module) -> None:
    weights = {key: tensor.detach().cpu().contiguous() for key, tensor in network.state_dict().items()}
    write_whole(path, lambda part: safetensors.torch.save_file(weights, part))


def read_state(path: Path) -> Any:
    """Whatever tensors a file holds: .safetensors, or a PyTorch file read without executing it."""
    if not path.is_file():
        raise Mistake(f"checkpoint {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError:
        raise Mistake(f"checkpoint {path} may not be read; check its permissions") from None
    except pickle.UnpicklingError as error:
        if "Weights only load failed" in str(error) or "Unsupported" in str(error):
            raise Mistake(
                f"checkpoint {path} is damaged, or holds more than tensors, which would mean executing it; "
                "save its state_dict alone, best as .safetensors"
            ) from None
        raise Mistake(f"checkpoint {path} is damaged: {first_line(error)}") from None
    except Exception as error:  # bytes that are no checkpoint fail in as many ways as there are bytes
        raise Mistake(f"checkpoint {path} is damaged or no PyTorch file: {first_line(error)}") from None


def load_weights(network: nn.Module, path: Path, name: str) -> None:
    """Load a checkpoint in any of the field's wrappings; whatever differs is listed."""
    weights = unwrapped(read_state(path), path)
    own = network.state_dict()
    weights = {renamed(key, own): tensor for key, tensor in weights.items()}
    missing = [key for key in own if key not in weights and not key.endswith("num_batches_tracked")]
    unknown = [key for key in weights if key not in own]
    shapes = [
        f"{key} {list(weights[key].shape)} instead of {list(own[key].shape)}"
        for key in own
        if key in weights and weights[key].shape != own[key].shape
    ]
    told = [
        f"{title} {listed(items)}"
        for title, items in (("missing", missing), ("unknown", unknown), ("other shapes:", shapes))
        if items
    ]
    if told:
        raise Mistake(f"checkpoint {path} does not fit {name}: " + "; ".join(told) + class_hint(missing, shapes))
    network.load_state_dict(weights, strict=False)  # older files lack num_batches_tracked, all else was checked


def unwrapped(state: Any, path: Path) -> dict[str, Tensor]:
    for wrapping in WRAPPINGS:
        if isinstance(state, dict) and isinstance(state.get(wrapping), dict):
            state = state[wrapping]
    if not isinstance(state, dict) or not state or not all(isinstance(one, Tensor) for one in state.values()):
        raise Mistake(f"checkpoint {path} holds no state_dict: give one bare, or under 'model' or 'state_dict'")
    return {key.removeprefix("module."): tensor for key, tensor in state.items()}


def renamed(key: str, own: Mapping[str, Tensor]) -> str:
    """The one key that two public versions of a network (MobileNetV2) name differently."""
    other = key.replace("classifier.0.", "classifier.", 1)
    return other if key not in own and other in own else key


def class_hint(missing: list[str], shapes: list[str]) -> str:
    if not missing and 0 < len(shapes) <= 2:
        return "; if only the last layer differs, it was trained for another number of classes than the dataset has"
    return ""


def content_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
