"""The content of result.json, and a finished run in one line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from unix_exp import __version__, config
from unix_exp.engine.evaluate import Evaluation
from unix_exp.engine.loop import Training
from unix_exp.engine.validation import val_count
from unix_exp.models.extended import Extended
from unix_exp.run import provenance
from unix_exp.run.charged import paid_once
from unix_exp.run.description import Description
from unix_exp.run.extending import EXTENDED
from unix_exp.run.images import recorded_of
from unix_exp.run.networks import Network
from unix_exp.run.plan import Located, Plan
from unix_exp.run.ready import Measured, Ready
from unix_exp.run.sources import Average, Fresh, FromStore


def result_of(
    plan: Plan,
    ready: Ready,
    run: Training,
    reached: dict[str, Any],
    weights: str,
    command: str | None,
    answers: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of result.json; its shape is declared in run/record.py."""
    located, progress = plan.located, run.progress
    settings = located.settings
    return {
        "identity": located.identity,
        "pair": config.pair_name(settings),
        "method": config.method_name(settings),
        "seed": settings["seed"],
        "dataset": config.dataset_name(settings),
        "fingerprint": located.data.fingerprint(),
        **recorded_of(located.data),
        "classes": len(located.data.classes),
        "student": located.networks[0].name,
        "teacher": teacher_of(located, ready),
        "networks": {
            network.role: network_of(network, ready.hashes.get(network.role), ready.reached.get(network.role))
            for network in located.networks
            if not (network.role == "student" and isinstance(network.source, Fresh))
        },
        "weights": weights,
        **reached,
        "cost": cost_of(located, run),
        "stages": [{"name": stage.name, "epochs": stage.recipe.epochs} for stage in run.stages],
        **({"answers": answers} if answers is not None else {}),
        "time": {"train_seconds": progress.seconds, "images_per_second": progress.images / progress.seconds},
        "steps": sum(progress.steps.values()),
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "command": command or provenance.command(),
        "hardware": located.runtime.hardware(),
        "runtime": {**asdict(located.runtime), "device": str(located.runtime.place())},
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "settings": settings,
    }


def accuracies(run: Training, tested: Evaluation | None) -> dict[str, Any]:
    """Of the last epoch and of the best one; with validation images both are the chosen one on the test images."""
    best = run.progress.best
    if tested is None:
        return {"last": run.progress.last, "best": best}
    chosen = {"epoch": best["epoch"], "top1": tested.top1, "top5": tested.top5}
    images = val_count(run.data)
    return {"last": chosen, "best": chosen, "val": best | {"images": images}, "test_per_class": tested.top1_by_class}


def description_of(located: Located, ready: Ready, accuracy: Mapping[str, float]) -> Description:
    """What goes with the student's weights."""
    settings, data, student = located.settings, located.data, located.networks[0]
    preprocessing = data.preprocessing() if hasattr(data, "preprocessing") else None
    if preprocessing is not None and (seen := ready.seen[student.role]) is not None:
        preprocessing = preprocessing._replace(mean=tuple(seen.mean), std=tuple(seen.std))
    trained = ready.networks[student.role]
    made_larger = {EXTENDED: trained.made} if isinstance(trained, Extended) else {}
    return Description(
        architecture=config.without(student.settings, "pace", "pretrained", *config.OF_WEIGHTS) | made_larger,
        classes=tuple(data.classes),
        preprocessing=preprocessing,
        accuracy=dict(accuracy),
        licences=ready.licences,
        run=located.folder.path.name,
        method=config.method_name(settings),
        dataset=config.dataset_name(settings),
        version=__version__,
    )


def teacher_of(located: Located, ready: Ready) -> dict[str, Any] | None:
    teacher = located.teacher
    if teacher is None or ready.measured is None:
        return None
    return {
        "name": teacher.name,
        "identity": teacher.source.identity,
        "source": type(teacher.source).__name__,
        "top1": ready.measured.top1,
        "top5": ready.measured.top5,
        **({"asked": {"top1": ready.asked.top1, "top5": ready.asked.top5}} if ready.asked is not None else {}),
    }


def network_of(network: Network, content: str | None, reached: Measured | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": network.name,
        "kind": network.kind,
        "identity": network.source.identity,
        "source": type(network.source).__name__,
        "hash": content,
    }
    found |= config.asked_for_less(network.settings)
    if isinstance(network.source, FromStore):
        found["run"] = network.source.folder.path.name
    if isinstance(network.source, Average):
        found["decay"] = network.source.decay
    if reached is not None:
        found |= {"top1": reached.top1, "top5": reached.top5}
    return found


def cost_of(located: Located, run: Training) -> dict[str, Any]:
    """The cost of the whole run; what is paid once for many runs, such as a teacher's training, is listed apart."""
    ledger, progress = run.ledger, run.progress
    first, parts = ledger.first, ledger.parts(progress.steps, progress.epoch)
    once = paid_once(located)
    taught = config.chain(located.settings["teacher"]) if located.teacher is not None else []
    by = f" by {taught[0]}" if len(taught) > 1 else ""  # of a chain, the first teacher and not the run's own
    return {
        "gflops": {name.removeprefix("cost/"): value for name, value in parts.items()},
        "gflops_per_image": {"student": first.student, "teacher": first.teacher},
        "images_per_step": first.images._asdict(),
        "percent_of_kd": ledger.percent_of_kd(progress.steps, progress.epoch),
        "percent_of_kd_backward_2": ledger.percent_of_kd(progress.steps, progress.epoch, 2),
        "against": f"plain distillation{by} for {ledger.recipe_epochs} epochs of {ledger.steps_per_epoch} steps",
        "stages": [
            {
                "name": name,
                "epochs": plan.epochs,
                "steps": progress.steps.get(name, 0),
                "gflops_per_step": plan.step.total(),
            }
            for name, plan in ledger.stages.items()
        ],
        **({"once": once} if once else {}),
        **({"unpriced": list(ledger.unpriced)} if ledger.unpriced else {}),
    }


def summary(result: dict[str, Any]) -> str:
    share = result["cost"]["percent_of_kd"]
    compute = f", {share:.2f} % of KD's compute" if share is not None else ""
    last, best = result["last"], result["best"]
    if (val := result.get("val")) is not None:
        chosen = f"epoch {val['epoch']}, chosen on {val['images']:,} validation images: {val['top1']:.2f} %"
        return f"test {last['top1']:.2f} % ({chosen}){compute}"
    when = f" in epoch {best['epoch']}" if "epoch" in best else ""
    return f"test {last['top1']:.2f} % (best {best['top1']:.2f} %{when}){compute}"
