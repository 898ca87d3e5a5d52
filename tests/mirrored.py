"""What W&B was told of a run, read back from the file it keeps offline, record by record."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

BLOCK, HEAD = 32768, struct.Struct("<IHB")  # LevelDB's log: a checksum, a length and a kind before every piece
LAST_PIECE = (1, 4)  # of a record: the whole of it, or its end


class Mirrored(NamedTuple):
    """A run as `wandb sync` would upload it."""

    run: Any  # id, name, group, tags, project
    config: dict[str, Any]
    history: list[dict[str, Any]]
    axes: dict[str, str]  # a metric or a pattern of them -> what it is drawn over; "" for an axis itself
    summary: dict[str, Any]
    exit_code: int | None


def read(folder: Path) -> Mirrored:
    """The one offline run below a run's folder."""
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    run, exit_code = None, None
    config: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    axes: dict[str, str] = {}
    summary: dict[str, Any] = {}
    for record in records(path.read_bytes()):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run, config = record.run, config | values(record.run.config.update)
        elif kind == "config":
            config |= values(record.config.update)
        elif kind == "history":
            history.append(values(record.history.item))
        elif kind == "metric":
            axes[record.metric.name or record.metric.glob_name] = record.metric.step_metric
        elif kind == "summary":
            summary |= values(record.summary.update)
        elif kind == "exit":
            exit_code = record.exit.exit_code
    return Mirrored(run, config, history, axes, summary, exit_code)


def records(content: bytes) -> Iterator[Any]:
    from wandb.proto.wandb_internal_pb2 import Record

    place, whole = 7, b""  # W&B's own header comes first
    while place + HEAD.size <= len(content):
        if (left := BLOCK - place % BLOCK) < HEAD.size:
            place += left  # too little for a head: filled up with zeros
            continue
        _, size, kind = HEAD.unpack_from(content, place)
        whole += content[place + HEAD.size : place + HEAD.size + size]
        place += HEAD.size + size
        if kind in LAST_PIECE:
            yield Record.FromString(whole)
            whole = b""


def values(items: Any) -> dict[str, Any]:
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
