"""What the store of teachers remembers of a network, so that it is measured or fitted once: values and tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from safetensors.torch import save
from torch import Tensor

from unix_exp import config
from unix_exp.config import plugins
from unix_exp.run.checkpoint import HOUR, content_hash, read_state, remove_leftovers, write_whole
from unix_exp.run.foreign import json_of
from unix_exp.run.images import recorded_of
from unix_exp.run.networks import Network
from unix_exp.run.plan import Located
from unix_exp.run.seal import CHECK, checked, verify
from unix_exp.types import Mistake


class Remembered(NamedTuple):
    values: dict[str, Any]
    tensors: dict[str, Tensor]


def key_on(network: Network, located: Located, **how: Any) -> str:
    """Of what was found out about a network on these images, and how."""
    settings, data = located.settings, located.data
    images = config.what_determines(settings, data.fingerprint(), None)["dataset"]
    what = {"teacher": network.source.identity, "dataset": images, **how} | recorded_of(data)
    code = plugins.used({"teacher": network.settings, "dataset": settings["dataset"]})
    return config.identity(what | ({"plugins": code} if code else {}))


def place(located: Located, folder: str, key: str) -> Path:
    return Path(located.settings["teachers"]).expanduser() / folder / f"{key}.json"


def recalled(record: Path, key: str, weights: str | None, tensors: bool = True) -> Remembered | None:
    """What was remembered under this key of these weights; None where nothing is there, or not whole."""
    try:
        found = json_of(record)
        if CHECK not in found or (found["of"], found["weights"]) != (key, weights):
            return None
        verify(found)
        if not tensors:
            return Remembered(found, {})
        beside = record.with_suffix(".safetensors")
        return Remembered(found, read_state(beside)) if content_hash(beside) == found["content"] else None
    except (OSError, ValueError, KeyError, TypeError, Mistake):
        return None


def remember(
    record: Path, key: str, weights: str | None, values: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Where the store cannot be written to, the next run finds out again."""
    beside = record.with_suffix(".safetensors")
    plain = {name: one.cpu().contiguous() for name, one in tensors.items()}
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(record.parent, age=HOUR)
        write_whole(beside, lambda part: part.write_bytes(save(plain)))
        whole = {"of": key, "weights": weights, "content": content_hash(beside), **values}
        write_whole(record, lambda part: part.write_text(json.dumps(checked(whole))))
    except OSError:
        pass
