"""One step of a method, run on the meta device and priced by the operations that it did."""

from __future__ import annotations

from unix_exp.cost.ledger import Images, StepCost
from unix_exp.cost.network import gflops, gflops_as_trained, is_asked_for_less
from unix_exp.cost.operations import METHOD, Operations
from unix_exp.cost.rules import POOLING
from unix_exp.distillers.distiller import Distiller
from unix_exp.models.extended import Extended
from unix_exp.types import Batch, Losses


def step_cost(method: Distiller, batch: Batch, stage: str, size: int) -> tuple[StepCost, Losses, tuple[str, ...]]:
    """The price of a step, what the step returned, and the names of operations that no rule prices."""
    networks = {role: getattr(method, role) for role in method.roles}
    with Operations(networks) as counted:
        losses: Losses = method(batch, stage)
    # A loss pools maps to compare them: arithmetic of the loss like its additions, which cost nothing by convention.
    pooled = {grad: counted.total(METHOD, grad, POOLING) for grad in (False, True)}
    others = [role for role in (*networks, METHOD) if role not in ("student", "teacher")]
    student = networks["student"]
    plain = gflops(student.backbone, size) + student.spared / 1e9 if isinstance(student, Extended) else None
    teacher = networks.get("teacher")
    cost = StepCost(
        images=Images(
            given=len(batch.images),
            scouted=counted.seen("student", with_gradient=False),
            learned=counted.seen("student", with_gradient=True),
            taught=counted.seen("teacher"),
        ),
        student=gflops(student, size),
        teacher=gflops(teacher, size) if teacher is not None else 0.0,
        scout=counted.total("student", with_gradient=False) / 1e9,
        teaching=counted.total("teacher") / 1e9,
        forward=counted.total("student", with_gradient=True) / 1e9,
        other=(sum(counted.total(role) for role in others) - sum(pooled.values())) / 1e9,
        backward=(counted.total(with_gradient=True) - pooled[True]) / 1e9,
        plain_student=plain,
        plain_teacher=gflops_as_trained(teacher, size) if teacher is not None and is_asked_for_less(teacher) else None,
    )
    return cost, losses, tuple(sorted(counted.unpriced))
