"""Our arms beside what other papers print for their pair.

Printed figures are of the best test epoch, so ours stand beside them with the best epoch, and with the last, which
nobody could have chosen by looking at the test images.
"""

from __future__ import annotations

from collections.abc import Sequence

from unix_exp import config, paper
from unix_exp.paper.spent import OF_THE_PAPER, Printed, field
from unix_exp.plots.charts import Front, Point, scatter
from unix_exp.report.arms import Arm, Group, share_of_kd
from unix_exp.report.blocks import MISSING, Block, Cell, Column, Figure, Figures, Heading, Row, Table, slug
from unix_exp.report.chosen import notes_on_arms
from unix_exp.report.published import matches
from unix_exp.report.tables import MINUS, number, signed

UNPRICED = Cell("unknown")
COUNTED = (
    "Compute is counted as everywhere in this report, for the epochs, batch and views that the authors' settings say; "
    "a view is one look of both networks at every image. 100 % is KD for {epochs} epochs with a batch of {batch}. The "
    "UNIX paper's is as printed."
)
BEST = (
    "Printed figures are of the {epoch}. Ours beside them are of the best epoch too; the last is the honest one, "
    "because the best is chosen on the test images. Each loss is beside labels, with weights that may differ from "
    "ours; the UNIX paper's are without labels."
)


def of_pair(group: Group, found: Sequence[Printed]) -> list[Block]:
    """Our arms beside what is printed for their pair; nothing where nothing is."""
    there = [one for one in found if one.pair == group.pair]
    if not there:
        return []
    return [pair_table(group, there), Figures([pair_figure(group, there)])]


def pair_table(group: Group, there: Sequence[Printed]) -> Table:
    facts = field(group.dataset)
    column = facts["pairs"].index(group.pair)
    head: list[str | Column] = [
        "method", "printed in",
        Column("best", "top-1 %, printed"), Column("best", "top-1 %, ours", "mean ± standard deviation over seeds"),
        Column("last", "top-1 %, ours", "mean ± standard deviation over seeds (their number)"),
        Column(f"best {MINUS} printed", "top-1 %, ours"),
        Column("printed", "compute, % of KD"), Column("ours", "compute, % of KD"),
    ]  # fmt: skip
    taken: set[str] = set()
    rows: list[Row] = [
        [name, "RepDistiller", f"{values[column]:.2f}", *[MISSING] * 3, "", ""]
        for name, values in facts["references"].items()
    ]
    for one in there:
        mine = [arm for arm in group.arms if is_of(arm, one)]
        taken |= {arm.label for arm in mine}
        cost = UNPRICED if one.percent is None else f"{one.percent:.2f}"
        rows += [
            [f"{one.method}: {arm.label}" if arm.label != one.method else arm.label, one.source, f"{one.top1:.2f}",
             str(arm.best), str(arm.top1), signed(arm.best.mean - one.top1) if full(arm, group) else "", cost,
             number(of_whole(arm, group))]
            for arm in mine
        ] or [[one.method, one.source, f"{one.top1:.2f}", *[MISSING] * 3, cost, MISSING]]  # fmt: skip
    if others := [arm for arm in group.arms if arm.label not in taken]:
        rows.append(Heading("ours, of which nothing is printed"))
        rows += [[arm.label, "", "", str(arm.best), str(arm.top1), "", "", number(of_whole(arm, group))]
                 for arm in others]  # fmt: skip
    whole = facts["conventional"]
    notes = [BEST.format(epoch=facts["epoch"]), COUNTED.format(**whole), *notes_on_arms(group.arms)]
    if not all(full(arm, group) for arm in group.arms):
        notes.append("A difference is shown only for arms with these epochs and this batch.")
    return Table(f"{group.title}: our arms beside what other papers print.", head, rows,
                 slug(f"field {group.dataset} {group.pair}"), texts=2, notes=notes)  # fmt: skip


def is_of(arm: Arm, one: Printed) -> bool:
    """Whether an arm is the method of a printed figure: its loss and labels on every image, or a row of the paper."""
    if one.source == OF_THE_PAPER:
        return any(
            row["name"] == one.method and one.pair in table["pairs"]
            and matches(arm.settings, row, table["pairs"].index(one.pair), table, paper.published())
            for table in paper.tables().values()
            for row in table["rows"]
        )  # fmt: skip
    usual, alone = paper.published()["conventional"], set(paper.published()["alone"]["criterion"])
    chosen = (arm.settings["distiller"]["name"], arm.settings["sampler"]["name"])
    same = chosen == (usual["distiller"], usual["sampler"]) and not config.of_answers(arm.settings)
    return same and set(arm.settings["criterion"]) == {one.criterion, *alone}


def full(arm: Arm, group: Group) -> bool:
    """Whether it was trained as long and with the batch that the printed figures are of."""
    whole = field(group.dataset)["conventional"]
    return all(arm.settings["recipe"][key] == value for key, value in whole.items())


def of_whole(arm: Arm, group: Group) -> float | None:
    """Its compute in that of KD over the usual schedule, however long it was trained itself."""
    share = share_of_kd(arm, group)
    whole = field(group.dataset)["conventional"]["epochs"]
    return None if share is None else share * arm.settings["recipe"]["epochs"] / whole


def pair_figure(group: Group, there: Sequence[Printed]) -> Figure:
    theirs = [Point(one.percent, one.top1, one.family, one.method, published=True, named=True)
              for one in there if one.percent is not None]  # fmt: skip
    ours = []
    for arm in group.arms:
        if (cost := of_whole(arm, group)) is not None:
            series = next((one.family for one in there if is_of(arm, one)), arm.family)
            ours.append(Point(cost, arm.best.mean, series, f"ours, {arm.label}", error=arm.best.std, named=True,
                              about=group.about(arm)))  # fmt: skip
    unknown = [one.method for one in there if one.percent is None]
    missing = f" Not drawn, as their compute is unknown: {'; '.join(unknown)}." if unknown else ""
    chart = scatter(
        [*theirs, *ours], "compute, % of KD over the whole schedule", "test accuracy of the best epoch, top-1 %",
        title=f"What the printed accuracies cost, {group.title}", fronts=[Front("best printed", theirs)],
        styles=group.styles,
    )  # fmt: skip
    return Figure(
        chart,
        f"{group.title}: printed accuracies (diamonds) against the compute of their authors' settings, and our arms; "
        f"all of the best epoch. The stepped line joins the printed ones that none beats with less compute.{missing}",
        slug(f"field compute {group.dataset} {group.pair}"),
    )
