"""Where one run comes from: machine, code, versions, networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from unix_exp.report.blocks import Block, Table, Text
from unix_exp.report.runs import Run


def blocks(run: Run) -> list[Block]:
    rows = [[name, value] for name, value in facts(run) if value]
    made: list[Block] = [Table("Machine, code and data.", ["what", "value"], rows, "origin", texts=2)]
    stretches = [one for one in run.result.get("stretches") or [] if isinstance(one, Mapping)]
    if len(stretches) > 1:
        epochs = ", ".join(f"{one.get('first')} to {one.get('last')}" for one in stretches)
        made.append(Text(f"It was continued with other code, versions or threads: epochs {epochs}."))
    return made


def facts(run: Run) -> Iterator[tuple[str, str]]:
    result = run.result
    yield "folder", run.path.name
    yield "identity", result["identity"]
    yield "finished", str(result.get("finished") or "")
    yield "hardware", result["hardware"]
    yield "speed", f"{speed:,.0f} images/s" if (speed := result["time"].get("images_per_second")) else ""
    yield "commit", str(result.get("commit") or "")
    for name, version in sorted((result.get("versions") or {}).items()):
        yield name, str(version or "")
    yield "images", " ".join(filter(None, [result["dataset"], str(result.get("fingerprint") or "")]))
    for role, network in sorted((result.get("networks") or {}).items()):
        parts = [str(network.get(key) or "") for key in ("name", "source", "identity")]
        yield role, ", ".join(filter(None, parts))
    for name, content in sorted((result.get("plugins") or {}).items()):
        yield f"plug-in {name}", content
