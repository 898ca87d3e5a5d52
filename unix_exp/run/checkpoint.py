"""Weights in and out of files, without ever executing a pickle."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from torch import Tensor, nn

from unix_exp.run.mishaps import chain, unwritable
from unix_exp.run.seal import seal, unsealed
from unix_exp.types import Mistake
from unix_exp.words import first_line, listed

SEALED = 3  # the format of checkpoints that carry their hash
HOUR = 3600.0  # seconds: longer than any file takes to be written
WRAPPINGS = ("model", "state_dict")  # {"model": ...} RepDistiller, mdistiller; {"state_dict": ...} UNIX


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` make a file that appears at `path` whole or not at all, even if the process is killed."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.touch()
        mode = part.stat().st_mode  # what the umask says, which not every writer heeds
        write(part)
        part.chmod(mode)
        with part.open("r+b") as file:  # Windows writes out only what is open for writing
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from None
    except RuntimeError as error:  # PyTorch's own, about a file that it could not end after a write had failed
        if not any(isinstance(one, OSError) for one in chain(error)):
            raise
        raise unwritable(path, error) from None
    finally:
        with suppress(OSError):  # a folder that is gone or may not be written to
            part.unlink(missing_ok=True)


def remove_leftovers(folder: Path, pattern: str = ".*.part", age: float = 0.0) -> None:
    """What killed processes left half-written; where others may be writing, only what is older than `age` seconds."""
    for left in folder.glob(pattern):
        with suppress(OSError):
            if not age or time.time() - left.stat().st_mtime > age:
                left.unlink(missing_ok=True)


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint with its hash, and keep the one before it."""

    def write(part: Path) -> None:
        with part.open("wb") as file:  # Python's, because PyTorch's own does not say why it could not write
            torch.save(state, file)
        seal(part)
        keep_previous(path)  # now that the new one is whole

    write_whole(path, write)


def previous(path: Path) -> Path:
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def keep_previous(path: Path) -> None:
    """Give the checkpoint a second name, so that at no moment there is none under its own."""
    if not path.is_file():
        return
    part = path.with_name(f".{previous(path).name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        os.link(path, part)
    except OSError:  # a file system without links
        shutil.copyfile(path, part)
    part.replace(previous(path))
    part.unlink(missing_ok=True)  # where both were one file, as a kill in the middle leaves them, nothing was renamed


def save_weights(path: Path, network: nn.Module, metadata: dict[str, str] | None = None) -> None:
    save_tensors(path, network.state_dict(), metadata)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, lambda part: part.write_bytes(safetensors.torch.save(plain, metadata)))


def read_state(path: Path) -> Any:
    """Whatever tensors a file holds: .safetensors, or a PyTorch file read without executing it."""
    if not path.is_file():
        raise Mistake(f"checkpoint {path} does not exist")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        content, sealed = unsealed(path)
        state = torch.load(content, map_location="cpu", weights_only=True)
        if not sealed and isinstance(state, dict) and state.get("format") == SEALED:
            raise ValueError("it has lost its hash")
        return state
    except PermissionError:
        raise Mistake(f"checkpoint {path} may not be read; check its permissions") from None
    except pickle.UnpicklingError as error:
        if "Weights only load failed" in str(error) or "Unsupported" in str(error):
            raise Mistake(
                f"checkpoint {path} is damaged, or holds more than tensors, which would mean executing it; "
                "save its state_dict alone, best as .safetensors"
            ) from None
        raise Mistake(f"checkpoint {path} is damaged: {first_line(error)}") from None
    except Exception as error:  # a file that is no checkpoint can fail in any way
        why = f"{type(error).__name__}: {first_line(error)}"
        raise Mistake(f"checkpoint {path} is damaged or not a PyTorch file ({why})") from None


def load_weights(network: nn.Module, path: Path, name: str) -> None:
    """Load a checkpoint in any of the field's wrappings; an error lists what differs."""
    weights = weights_in(path, network)
    if differences := Differences.between(network.state_dict(), weights).in_words():
        raise Mistake(f"checkpoint {path} does not fit {name}: {differences}")
    network.load_state_dict(weights, strict=False)  # older files lack num_batches_tracked, all else was checked


def begin_from(network: nn.Module, path: Path, name: str, role: str, say: Callable[[str], None]) -> None:
    """Load a checkpoint to start training from; a classifier for other classes stays fresh, with a message."""
    weights = weights_in(path, network)
    own = network.state_dict()
    differing = Differences.between(own, weights)
    if classifier := differing.classifier_alone():
        theirs, ours = weights[classifier[0]].shape[0], own[classifier[0]].shape[0]
        say(
            f"{role} {name} begins from {path}, which was trained for {theirs} classes and the data has {ours}: "
            "its classifier is fresh, all other weights are kept"
        )
        network.load_state_dict({key: one for key, one in weights.items() if key not in classifier}, strict=False)
        return
    load_weights(network, path, name)


def weights_in(path: Path, network: nn.Module) -> dict[str, Tensor]:
    """A file's weights under the keys of this network."""
    own = network.state_dict()
    return {renamed(key, own): tensor for key, tensor in unwrapped(read_state(path), path).items()}


class Differences(NamedTuple):
    """How a file's weights differ from a network's."""

    missing: list[str]
    unknown: list[str]
    shapes: dict[str, str]  # by key, in words

    @classmethod
    def between(cls, own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> Differences:
        return cls(
            missing=[key for key in own if key not in weights and not key.endswith("num_batches_tracked")],
            unknown=[key for key in weights if key not in own],
            shapes={
                key: f"{key} {list(weights[key].shape)} instead of {list(own[key].shape)}"
                for key in own
                if key in weights and weights[key].shape != own[key].shape
            },
        )

    def classifier_alone(self) -> list[str]:
        """The keys of the classifier, where it is all that differs, by the number of classes."""
        owners = {key.rpartition(".")[0] for key in self.shapes}
        return list(self.shapes) if len(owners) == 1 and not self.missing and not self.unknown else []

    def in_words(self) -> str:
        parts = (("missing", self.missing), ("unknown", self.unknown), ("other shapes:", list(self.shapes.values())))
        differing = [f"{title} {listed(items)}" for title, items in parts if items]
        hint = "if only the last layer differs, it was trained for another number of classes than the dataset has"
        return "; ".join([*differing, hint] if self.classifier_alone() else differing)


def unwrapped(state: Any, path: Path) -> dict[str, Tensor]:
    for wrapping in WRAPPINGS:
        if isinstance(state, dict) and isinstance(state.get(wrapping), dict):
            state = state[wrapping]
    if not isinstance(state, dict) or not state or not all(isinstance(one, Tensor) for one in state.values()):
        raise Mistake(f"checkpoint {path} holds no state_dict: give one bare, or under 'model' or 'state_dict'")
    if sparse := [key for key, tensor in state.items() if tensor.layout is not torch.strided]:
        raise Mistake(f"checkpoint {path} holds sparse tensors, such as {sparse[0]!r}; save them dense")
    return {key.removeprefix("module."): tensor for key, tensor in state.items()}


def renamed(key: str, own: Mapping[str, Tensor]) -> str:
    """The one key that two public versions of a network (MobileNetV2) name differently."""
    other = key.replace("classifier.0.", "classifier.", 1)
    return other if key not in own and other in own else key


def content_hash(path: Path) -> str:
    if path.exists() and not path.is_file():  # reading a pipe may never end
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
