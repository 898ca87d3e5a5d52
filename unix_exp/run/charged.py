"""What a run is charged beside its own steps: the training and fitting of networks that its method alone needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from unix_exp.config import Settings
from unix_exp.cost.ledger import Beforehand
from unix_exp.cost.network import gflops
from unix_exp.run import components
from unix_exp.run.exits import spent_on_exits
from unix_exp.run.networks import TEACHER, Network, declared_roles, roles_of_method
from unix_exp.run.plan import Located, Plan
from unix_exp.run.sources import FromStore


def charged(plan: Plan) -> Plan:
    """The plan of a run whose networks are in the store, with the training of those that were taught themselves, and
    with the fitting of early exits.

    A teacher that learned from labels serves every method, so its training is listed apart. An assistant between
    teacher and student, and a network that a sampler alone looks at, serve this one. It is charged for them whole,
    even where another run had made them.
    """
    located = plan.located
    spent = [
        found
        for one in located.networks
        if is_charged(one, located.settings) and (found := spent_on(one.source)) is not None
    ]
    exits = spent_on_exits(plan)
    if not spent and not exits:
        return plan
    sums = [exits + sum(found[key] for found in spent) for key in ("gflops", "gflops_backward_2")]
    ledger = replace(plan.trial.ledger, beforehand=Beforehand(sums[0], sums[1], of_head(located)))
    return plan._replace(trial=plan.trial._replace(ledger=ledger))


def is_charged(network: Network, settings: Settings) -> bool:
    taught = bool(network.settings.get("teacher"))
    return isinstance(network.source, FromStore) and (taught or network.role in of_sampler_alone(settings))


def of_sampler_alone(settings: Settings) -> list[str]:
    """The networks that only the sampler looks at; a teacher serves other methods, whoever looks at it."""
    others = {TEACHER, *roles_of_method(settings)}
    return [role for role in declared_roles(settings) if role not in others]


def of_head(located: Located) -> float:
    """GFLOPs of an image in the first teacher of the chain that ends with the student; 0 without a teacher."""
    head: Settings = located.settings.get(TEACHER) or {}
    if "name" not in head:
        return 0.0
    while head.get("teacher"):
        head = head["teacher"]
    network = components.skeleton({"pace": "full", **head}, TEACHER, len(located.data.classes))
    return gflops(network, located.data.size)


def paid_once(located: Located) -> dict[str, Any]:
    """By role, training that serves many methods: of a charged network that of its own teacher, if it is known."""
    found: dict[str, Any] = {}
    for network in located.networks:
        if not isinstance(source := network.source, FromStore):
            continue
        if is_charged(network, located.settings):
            once = ((source.folder.result() or {}).get("cost") or {}).get("once") or {}
            found |= {f"{role} of {network.role}": spent for role, spent in once.items()}
        elif (spent := spent_on(source)) is not None:
            found[network.role] = spent
    return found


def spent_on(source: Any) -> dict[str, Any] | None:
    """The compute that training a network took."""
    gflops = ((source.folder.result() or {}).get("cost") or {}).get("gflops") or {}
    if "total_gflops" not in gflops:
        return None
    return {
        "identity": source.identity,
        "gflops": gflops["total_gflops"],
        "gflops_backward_2": gflops["total_gflops_backward_2"],
    }
