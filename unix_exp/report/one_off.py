"""One-off costs: what was paid once for several runs, such as training their teacher, and its share in each of them."""

from __future__ import annotations

from collections.abc import Sequence

from unix_exp.report.blocks import Column, Table
from unix_exp.report.runs import Run
from unix_exp.run.record import OneOff


def one_off_costs(runs: Sequence[Run]) -> Table | None:
    """None where no run recorded any."""
    payers: dict[tuple[str, str], list[tuple[Run, OneOff]]] = {}
    for run in runs:
        for role, cost in run.result["cost"].get("once", {}).items():
            payers.setdefault((role, cost["identity"]), []).append((run, cost))
    if not payers:
        return None
    rows = []
    for (role, identity), shared in sorted(payers.items()):
        run, cost = shared[0]
        share = cost["gflops"] / len(shared)
        rows.append([description(run, role), identity, f"{cost['gflops']:,.0f}", str(len(shared)), f"{share:,.0f}"])
    return Table(
        "One-off costs: paid once, shared by runs, and not part of their compute above.",
        [
            "what",
            "identity",
            Column("GFLOPs", hint="a backward pass priced like a forward pass"),
            Column("runs that share it", hint="of the runs in this report"),
            "GFLOPs a run",
        ],
        rows,
        "one-off-costs",
        texts=2,
    )


def description(run: Run, role: str) -> str:
    """The role, and the name of the network where the record holds it."""
    name = run.result.get("networks", {}).get(role, {}).get("name")
    teacher = run.result["teacher"]
    if name is None and role == "teacher" and teacher is not None:
        name = teacher["name"]
    return f"{role} {name}" if name else role
