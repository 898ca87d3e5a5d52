"""The section on Adaptive Distillation: the arms of its study, and the weights that were learned over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unix_exp import paper
from unix_exp.plots.charts import lines
from unix_exp.plots.svg import decades
from unix_exp.report.arms import Arm, Group, share_of_kd
from unix_exp.report.blocks import MISSING, Block, Cell, Column, Figure, Heading, Section, Table, slug
from unix_exp.report.chosen import notes_on_arms
from unix_exp.report.learning import curve
from unix_exp.report.methods import first_figures
from unix_exp.report.stats import Summary, welch
from unix_exp.report.tables import UNCORRECTED, number, p_of, shown, signed, spread_of

STUDY = "chennupati2021"
LEARNED = "method/weight_"  # the values of a record that hold exp(-a) of a path, or of a path and stage
LABELS = "labels alone"  # instead of paths
NO_PATHS = Cell("—", hint="another method, which has no paths")
NONE_AT_HAND = "No published figure at hand: the paper's tables are in no text that this project could read."


def sections(groups: Iterable[Group]) -> list[Section]:
    """One section, where a run used this method; each pair has a table with all arms, so that missing ones show."""
    study = paper.published(STUDY)
    blocks: list[Block] = []
    figures: list[Figure] = []
    for group in groups:
        if any(used_in(arm, study) for arm in group.arms):
            blocks.append(table_of(group, study))
            if (tests := claims(group, study)) is not None:
                blocks.append(tests)
            figures += [figure for arm in group.arms for figure in learned_weights(arm, group)]
    title = study["title"]
    return [Section(title, slug(title), [*blocks, *first_figures(figures)])] if blocks else []


def used_in(arm: Arm, study: Mapping[str, Any]) -> bool:
    return bool(arm.settings["distiller"]["name"] == study["method"]["name"])


def name_of(arm: Arm, study: Mapping[str, Any]) -> str | None:
    """What the study calls an arm; None where it has no such arm."""
    chosen = (arm.settings["sampler"]["name"], list(arm.settings["criterion"]))
    if not used_in(arm, study) or chosen != (study["beside"]["sampler"], study["beside"]["criterion"]):
        return None
    own = arm.settings["distiller"]
    return next((name for name, settings in study["arms"].items() if own == {**study["method"], **settings}), None)


def table_of(group: Group, study: Mapping[str, Any]) -> Table:
    head: list[str | Column] = [
        "arm",
        "weights",
        Column("last", "top-1 %", "mean ± standard deviation over seeds (their number)"),
        "top-5 %",
        Column("agreement %", hint="images, test or validation, for which student and teacher guess the same class"),
        Column("% of KD", "compute", "of KD over as many epochs; a backward pass priced like a forward pass"),
    ]
    named = [(arm, name_of(arm, study)) for arm in group.arms]
    names = [name for _, name in named if name is not None]
    alone = [arm for arm, _ in named if not arm.taught]
    others = [arm for arm, name in named if name is None and (used_in(arm, study) or arm.conventional)]
    best = max(arm.top1.mean for arm in [*alone, *others, *(arm for arm, name in named if name is not None)])
    rows: list[list[str | Cell] | Heading] = [
        row("student alone" if len(alone) == 1 else f"student alone: {arm.label}", arm, group, best) for arm in alone
    ] or [["student alone", LABELS, *[MISSING] * 4]]
    for name, settings in study["arms"].items():
        # Where several arms have a name, they differ in their schedule, say, which their labels tell.
        rows += [
            row(name if names.count(name) == 1 else f"{name}: {arm.label}", arm, group, best)
            for arm, own in named
            if own == name
        ]
        if name not in names:
            rows.append([name, weights_of(settings), *[MISSING] * 4])
    if others:
        rows += [Heading("beside the study"), *(row(arm.label, arm, group, best) for arm in others)]
    return Table(f"{study['title']}, {group.title}.", head, rows, slug(f"adaptive {group.dataset} {group.pair}"), 2,
                 notes=[NONE_AT_HAND, *notes_on_arms(group.arms)])  # fmt: skip


def row(name: str, arm: Arm, group: Group, best: float) -> list[str | Cell]:
    agreement = [run.agreement for run in arm.runs if run.agreement is not None]
    why = "not measured; runtime.agreement=true measures it" if arm.taught else "there is no teacher to agree with"
    return [
        name,
        (weights_of(arm.settings["distiller"]) or NO_PATHS) if arm.taught else LABELS,
        shown(arm.top1, strong=arm.top1.mean == best),
        str(arm.top5),
        str(Summary.of(agreement)) if agreement else Cell("—", hint=why),
        number(share_of_kd(arm, group)),
    ]


def weights_of(settings: Mapping[str, Any]) -> str:
    """AT 1000 + ST 0.1, learned"""
    paths = " + ".join(f"{titled(path)} {weight:g}" for path, weight in settings.get("paths", {}).items())
    learned = {"adaptive": ", learned", "layerwise": ", learned by stage"}
    return paths + learned.get(settings.get("weights", ""), "")


def claims(group: Group, study: Mapping[str, Any]) -> Table | None:
    """Learned weights against fixed ones, where both have two seeds or more."""
    arms: dict[str, list[Arm]] = {}
    for arm in group.arms:
        arms.setdefault(str(name_of(arm, study)), []).append(arm)
    rows: list[list[str | Cell]] = []
    for ours, theirs in study["claims"]:
        pair = [*arms.get(ours, []), *arms.get(theirs, [])]
        # Where a name has several arms, they differ in more than their weights.
        if len(pair) != 2 or (test := welch(pair[0].accuracies, pair[1].accuracies)) is None:
            continue
        runs = f"{len(pair[0].runs)} and {len(pair[1].runs)}"
        rows.append([f"{ours} \N{MINUS SIGN} {theirs}", signed(test.difference), spread_of(test), p_of(test), runs])
    if not rows:
        return None
    head = ["comparison", "difference", "95 % interval", "p", "runs"]
    anchor = slug(f"adaptive claims {group.dataset} {group.pair}")
    return Table(f"{group.title}: one way to weight the paths against another, top-1 %, Welch's t-test.", head, rows,
                 anchor, notes=[UNCORRECTED])  # fmt: skip


def learned_weights(arm: Arm, group: Group) -> list[Figure]:
    """The learned factors over epochs: of paths in one figure, and of the stages of each path in one more."""
    names = [key.removeprefix(LEARNED) for key in (arm.runs[0].epochs or [{}])[-1] if key.startswith(LEARNED)]
    charts: dict[str, list[str]] = {}
    for name in names:
        path, _, stage = name.partition("_")
        charts.setdefault(path if stage else "", []).append(name)
    return [figure for path, members in charts.items() if (figure := drawn(path, members, arm, group)) is not None]


def drawn(path: str, names: Sequence[str], arm: Arm, group: Group) -> Figure | None:
    curves = [
        line for name in names
        if (line := curve(titled(name), arm.runs, "epoch", LEARNED + name)) is not None
    ]  # fmt: skip
    values = [value for line in curves for value in line.ys if value]
    if not values:
        return None
    wide = decades(values)
    of_stages = f", the stages of {titled(path)}" if path else ""
    title = f"Learned weights of {arm.label}{of_stages}, {group.title}"
    return Figure(
        lines(
            curves, "epoch", "exp(-a), what a path's weight is multiplied by" + ", logarithmic" * wide, title=title,
            log_y=wide,
            styles={line.label: arm.look.relative(number) for number, line in enumerate(curves)},
        ),
        f"{group.title}: weights learned by {arm.label}{of_stages}, mean of each epoch; the band is a standard "
        "deviation over seeds.",
        slug(f"learned weights {arm.label} {path} {group.dataset} {group.pair}"),
    )  # fmt: skip


def titled(name: str) -> str:
    path, _, stage = name.partition("_")
    title = str(paper.published(STUDY)["paths"].get(path, path))
    return f"{title} stage {stage}" if stage else title
