"""Figure 1 for any runs: accuracy against what the training took, in compute and in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from unix_exp import paper
from unix_exp.paper import families
from unix_exp.plots.charts import Front, Point, Rule, scatter
from unix_exp.plots.svg import decades
from unix_exp.report.arms import Arm, Group, by_length, same_length, share_of_kd
from unix_exp.report.blocks import Figure, slug
from unix_exp.report.origins import origin_of
from unix_exp.report.published import comparable_with_paper

NEAR = 5.0  # points: a teacher farther from all arms would press them into one line
FRONT = "joins the arms that no other arm beats with less"


def figures(group: Group) -> list[Figure]:
    """Of all arms, and of those of each length where there are several lengths."""
    apart = [one for one in by_length(group) if one.length and len(one.arms) > 1]
    return [figure for one in (group, *apart) for figure in accuracy_against_cost(one)]


def accuracy_against_cost(group: Group) -> list[Figure]:
    """Against compute, and against time: of the arms that ran on the hardware and PyTorch that most of them did."""
    made = [accuracy_against_compute(group)]
    used = {arm.label: machine_of(arm) for arm in group.arms}
    for machine, count in Counter(one for one in used.values() if one is not None).most_common(1):
        if count > 1:
            there = tuple(arm for arm in group.arms if used[arm.label] == machine)
            elsewhere = [label for label, one in used.items() if one != machine]
            made.append(accuracy_against_time(replace(group, arms=there), *machine, elsewhere))
    return made


def machine_of(arm: Arm) -> tuple[str, str] | None:
    """Hardware and PyTorch; None where the runs of an arm had different ones."""
    found = {(origin.hardware, origin.torch) for origin in map(origin_of, arm.runs)}
    return found.pop() if len(found) == 1 else None


def accuracy_against_compute(group: Group) -> Figure:
    """Figure 1: the accuracy of each arm and what it took, with the front that none beats."""
    shares = same_length(group) and any(arm.percent is not None for arm in group.arms)
    points = [point(arm, (share_of_kd(arm, group) or 0.0) if shares else arm.gflops, group) for arm in group.arms]
    published = published_points(group) if shares else []
    title = f"Figure 1: {group.title}" if group.pair == paper.published()["figures"][1] else group.title
    return Figure(
        against("compute", group, points, "compute, % of conventional KD" if shares else "compute, GFLOPs", published),
        f"{title}: accuracy against compute, mean and standard deviation over seeds. The stepped line {FRONT} compute."
        + (" Diamonds are the paper's figures." if published else ""),
        slug(f"compute {group.dataset} {group.pair} {group.length}"),
    )


def accuracy_against_time(group: Group, hardware: str, torch: str, elsewhere: Sequence[str] = ()) -> Figure:
    """Times of different machines are not compared, so arms that ran elsewhere are named and not drawn."""
    longest = max(arm.seconds for arm in group.arms)
    unit, seconds = ("hours", 3600) if longest > 7200 else ("minutes", 60) if longest > 120 else ("seconds", 1)
    return Figure(
        against(
            "time", group, [point(arm, arm.seconds / seconds, group) for arm in group.arms], f"training time, {unit}"
        ),
        f"{group.title}: accuracy against training time on {hardware}, PyTorch {torch}, medians over seeds; with the "
        "making of stored answers and any delay by other work on the machine, without evaluation and the training of "
        "the teacher. The stepped line "
        f"{FRONT} time." + (f" Not drawn, as they ran elsewhere: {', '.join(elsewhere)}." if elsewhere else ""),
        slug(f"time {group.dataset} {group.pair} {group.length}"),
    )


def point(arm: Arm, x: float, group: Group) -> Point:
    return Point(x=x, y=arm.top1.mean, series=arm.family, label=arm.label, error=arm.top1.std, named=True,
                 about=group.about(arm), details=arm.details if arm.details != arm.label else "")  # fmt: skip


def against(cost: str, group: Group, points: Sequence[Point], axis: str, published: Sequence[Point] = ()) -> str:
    results = [run.result for arm in group.arms for run in arm.runs]
    teachers = sorted({teacher["top1"] for one in results if (teacher := one["teacher"])})
    low, high = min(point.y for point in points) - NEAR, max(point.y for point in points) + NEAR
    log = decades(one.x for one in (*points, *published))
    return scatter(
        [*points, *published],
        axis + ", logarithmic" * log,
        "test accuracy, top-1 %",
        title=f"Accuracy against {cost}, {group.title}",
        fronts=[Front(f"best for its {cost}", points)],
        rules=[Rule(f"teacher {teacher:.2f}", y=teacher) for teacher in teachers if low <= teacher <= high],
        styles=group.styles,
        log_x=log,
        called=labels_of_lone(group.arms),
    )


def labels_of_lone(arms: Sequence[Arm]) -> dict[str, str]:
    """The label of each family's only arm: the legend names it as its mark and the tables do."""
    members = Counter(arm.family for arm in arms)
    return {arm.family: arm.label for arm in arms if members[arm.family] == 1}


def published_points(group: Group) -> list[Point]:
    """The paper's figures for this pair and the objectives that were run here; one that several tables print once."""
    if not any(comparable_with_paper(run) for arm in group.arms for run in arm.runs):
        return []
    criteria = paper.published()["criteria"]
    objectives = [arm.settings["criterion"] for arm in group.arms]
    found = {}
    for table in paper.tables().values():
        if group.pair not in table["pairs"] or table["dataset"] != group.dataset:
            continue
        column = table["pairs"].index(group.pair)
        for row in table["rows"]:
            if "compute" in row and criteria[paper.criterion_of(row)] in objectives:
                position = (row["compute"][column], row["accuracy"][column])
                family = families.family(row["sampler"], criteria[paper.criterion_of(row)])
                found[position] = Point(*position, series=family, label=f"paper, {row['name']}", published=True)
    return list(found.values())
