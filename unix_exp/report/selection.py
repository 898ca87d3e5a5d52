"""Figure 4: which images a sampler keeps and which it leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unix_exp import paper
from unix_exp.paper import families
from unix_exp.plots.charts import lines
from unix_exp.plots.curves import MOST_LINES
from unix_exp.report.arms import Arm, Group
from unix_exp.report.blocks import Figure, slug
from unix_exp.report.learning import curve


def of_each_family(arms: Sequence[Arm]) -> list[Arm]:
    """One arm for each method, the one closest to the paper's settings: those of the paper's figures, and some more."""
    unsaid, found = paper.published()["unsaid"]["samplers"], dict[str, Arm]()
    for arm in sorted(arms, key=lambda arm: (len(differing(arm, unsaid)), arm.label)):
        found.setdefault(arm.family, arm)
    compared = [families.of_sampler(name) for name in paper.published()["selection"]["compared"]]
    usual = families.conventional()
    ranked = sorted(found.values(), key=lambda arm: (arm.family not in compared, arm.family == usual))
    return sorted(ranked[: MOST_LINES // 2], key=lambda arm: list(found).index(arm.family))


def differing(arm: Arm, unsaid: Mapping[str, Any]) -> list[str]:
    """Settings of an arm's sampler that are not the paper's usual ones, but for b, which the paper gives as a share."""
    usual, sampler = unsaid.get(arm.settings["sampler"]["name"], {}), arm.settings["sampler"]
    return [key for key, value in usual.items() if key != "b" and sampler.get(key) != value]


def figure_name(group: Group, number: int, part: str = "") -> str:
    """Whether it is the paper's figure, or one like it of another pair."""
    return f"{'Figure' if group.pair == paper.published()['figures'][number] else 'As Figure'} {number}{part}"


def selection_curves(group: Group) -> list[Figure]:
    """Figure 4: which images are kept, by distance to the centre of their class and by the teacher's entropy."""
    figures = []
    for metric, y_title, name in (
        ("teacher_distance", "distance to the class centre, teacher's embedding", figure_name(group, 4, "a")),
        ("teacher_entropy", "teacher's entropy, nats", figure_name(group, 4, "b")),
        ("student_entropy", "student's entropy, nats", "The student's own uncertainty"),
    ):
        curves = []
        for arm in of_each_family(group.arms):
            for key, part, dashed in (("kept", "kept", False), ("left_out", "left out", True)):
                y, of_arm = f"analysis/{metric}_{key}", group.about(arm)
                line = curve(f"{arm.label}, {part}", arm.runs, "epoch", y, dashed, like=arm.label, about=of_arm)
                if line is not None:
                    curves.append(line)
        if curves:
            figures.append(
                Figure(
                    lines(
                        curves,
                        "epoch",
                        y_title,
                        title=f"{name}, {group.title}",
                        styles={arm.label: arm.look for arm in group.arms},
                    ),
                    f"{name}, {group.title}: images kept and left out, as they were before mixing; of one batch in a "
                    "hundred.",
                    slug(f"kept {metric} {group.dataset} {group.pair}"),
                )
            )
    return figures
