"""The classifiers of early exits: fitted once for the same weights and images, remembered, and charged to each run."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from unix_exp import config
from unix_exp.cost.network import gflops, without_weights
from unix_exp.engine.fitting import fit, gflops_of_fit, shown
from unix_exp.models.early import EarlyExit
from unix_exp.run.asked import as_asked
from unix_exp.run.networks import Network
from unix_exp.run.plan import Located, Plan
from unix_exp.run.remembered import key_on, place, recalled, remember
from unix_exp.sinks.console import Console

EXITS = ".exits"  # a folder in the store of teachers


def fit_or_recall(early: EarlyExit, network: Network, located: Located, console: Console, weights: str | None) -> None:
    """Fitted once for the same weights and images, then remembered: a run that continues goes on with the same."""
    record = place(located, EXITS, key := key_on(network, located, **config.asked_for_less(network.settings)))
    if (found := recalled(record, key, weights)) is not None and fills(early.classifier, found.tensors):
        return
    fit(early, shown(located.data, console.watch), located.runtime.batch_layout)
    remember(record, key, weights, {}, early.classifier.state_dict())


def fills(layer: nn.Linear, tensors: Mapping[str, Tensor]) -> bool:
    """Give a layer its weights, if these are of its shapes."""
    wanted = layer.state_dict()
    if {name: one.shape for name, one in tensors.items()} != {name: one.shape for name, one in wanted.items()}:
        return False
    layer.load_state_dict(dict(tensors))
    return True


def spent_on_exits(plan: Plan) -> float:
    """GFLOPs of fitting every exit of a run, also where another run had fitted it."""
    data = plan.located.data
    spent = 0.0
    for network in plan.located.networks:
        if network.settings.get("exit") is None:
            continue
        asked = as_asked(without_weights(plan.modules[network.role]), network.settings, data.size, network.role)
        assert isinstance(asked, EarlyExit)
        spent += gflops_of_fit(asked, gflops(asked.network, data.size), data)
    return spent
