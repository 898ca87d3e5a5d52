"""A run's student made larger by a criterion that asks for it, and built again from what is kept beside its weights.

A criterion with a method `projector(entering, leaving)`, a module that brings maps of one width to another, gets a
student that ends in it and in a copy of the teacher's classifier. The student's own classifier is taken out.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.criteria.maps import last_stages
from unix_exp.engine.randomness import set_seed
from unix_exp.models.extended import Extended
from unix_exp.models.parts import classify, mean_pool
from unix_exp.models.published import filled_elsewhere
from unix_exp.models.taps import same_memory
from unix_exp.registry import criteria
from unix_exp.run import components
from unix_exp.types import Dataset, Mistake, Output

EXTENDED = "extended"  # of an architecture: how a student was made larger
NEAR = 1e-3  # how close logits have to be, as a share of the largest
PROJECTORS = 2**21  # added to a run's seed, so that they draw other numbers than the student and the heads
SCALE = 1024.0  # of a unit vector, so that a bias takes no digits of a weight


def asking(settings: Settings) -> str | None:
    """The criterion that makes the student larger."""
    found = [name for name in settings["criterion"] if hasattr(criteria[name], "projector")]
    if len(found) > 1:
        raise Mistake(f"criteria '{found[0]}' and '{found[1]}' both make the student larger; choose one of them")
    return found[0] if found else None


def extended(settings: Settings, networks: Mapping[str, nn.Module], size: int) -> dict[str, nn.Module]:
    """The networks of a run by role, the student as its criteria want it: the given one becomes a part of it."""
    name, student = asking(settings), networks["student"]
    if name is None or isinstance(student, Extended):
        return dict(networks)
    if (settings.get("teacher") or {}).get("exit") is not None:
        raise Mistake(f"criterion '{name}' copies the classifier of the whole teacher; leave teacher.exit out")
    if "teacher" not in networks:
        raise Mistake(f"criterion '{name}' uses a teacher's classifier, but this method has no teacher; choose another")
    (mine, own), (theirs, _) = (seen_by(networks[role], size) for role in ("student", "teacher"))
    ours, wanted = last_stages(name, mine, theirs)
    width = wanted.shape[1]
    if width != theirs.embedding.shape[1]:
        raise Mistake(unfit(name))
    term = settings["criterion"][name]
    made = {
        "by": name,
        "settings": config.without(term, "weight") if isinstance(term, Mapping) else {},
        "entering": ours.shape[1],
        "leaving": width,
        "side": wanted.shape[-1],
        "replaced": own,
    }
    set_seed(settings["seed"] + PROJECTORS)
    with next(student.parameters()).device:
        return {**networks, "student": with_parts(student, classifier_of(networks["teacher"], width), made)}


def check_larger(settings: Settings, networks: Mapping[str, nn.Module], averages: Collection[str], size: int) -> None:
    """Refuse averages of a student that is larger, and a teacher whose classifier reads no mean of its last stage."""
    if (name := asking(settings)) is None or "teacher" not in networks:
        return
    if averages:
        raise Mistake(f"criterion '{name}' makes the student larger, so no network can be its average; choose another")
    plain = copy.deepcopy(networks["teacher"])
    answer, _ = seen_by(plain, size)
    if not answer.stages or answer.stages[-1].shape[:2] != answer.embedding.shape:
        raise Mistake(unfit(name))
    found = classifier_of(plain, answer.embedding.shape[1])(mean_pool(answer.stages[-1]))
    if not (found - answer.logits).abs().max() <= NEAR * answer.logits.abs().max():  # NaN too
        raise Mistake(unfit(name))


def check_planned(settings: Settings, teacher: Settings | None, averages: Collection[str], data: Dataset) -> None:
    """The same of a run that is only planned, with a teacher that is built for this question alone."""
    if asking(settings) is None or teacher is None:
        return
    with filled_elsewhere():
        built = components.network(teacher, "teacher", len(data.classes), seed=0)
    check_larger(settings, {"teacher": built}, averages, data.size)


def unfit(name: str) -> str:
    return (
        f"criterion '{name}' needs a teacher whose classifier is one layer that reads the last stage, averaged over "
        "positions; this one reads something else, so choose another teacher"
    )


def built_again(backbone: nn.Module, made: Mapping[str, Any], classes: int) -> Extended:
    """A larger student, with weights that are about to be replaced."""
    try:
        return with_parts(backbone, nn.Linear(made["leaving"], classes), dict(made))
    except (KeyError, TypeError, AttributeError, AssertionError) as error:
        raise Mistake(f"what is kept of how the student was made larger is damaged: {error}") from None


def with_parts(backbone: nn.Module, classifier: nn.Linear, made: dict[str, Any]) -> Extended:
    criterion = criteria.make(made["by"], made["settings"], role=f"criterion.{made['by']}")
    return Extended(backbone, criterion.projector(made["entering"], made["leaving"]), classifier, made)


@torch.no_grad()
def seen_by(network: nn.Module, size: int) -> tuple[Output, str | None]:
    """Of two images of noise, the output and the path of the layer that makes the logits, if it is one."""
    said: dict[str, Tensor] = {}
    layers = {path: one for path, one in network.named_modules() if isinstance(one, (nn.Linear, nn.Conv2d))}
    hooks = [
        one.register_forward_hook(lambda module, inputs, output, path=path: said.update({path: output}))
        for path, one in layers.items()
    ]
    weight = next(network.parameters())
    images = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(0)).to(weight.device, weight.dtype)
    output: Output = network.eval()(images)
    for hook in hooks:
        hook.remove()
    network.train()
    return output, next((path for path, one in said.items() if same_memory(one, output.logits)), None)


@torch.no_grad()
def classifier_of(teacher: nn.Module, width: int) -> nn.Linear:
    """A copy of its classifier as one layer, by what it says of nothing and of every unit vector."""
    weight = next(teacher.parameters())
    unit = torch.eye(width, device=weight.device, dtype=weight.dtype)
    teacher.eval()
    bias = classify(teacher, 0 * unit[:1], "teacher")
    rows = (classify(teacher, SCALE * unit, "teacher") - bias) / SCALE
    copied = nn.Linear(width, bias.shape[1], device=weight.device, dtype=weight.dtype)
    copied.weight.copy_(rows.T)
    copied.bias.copy_(bias[0])
    return copied
