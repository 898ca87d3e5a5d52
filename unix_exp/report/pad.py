"""PAD: its arms side by side, its claim tested, and which images it gives weight to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unix_exp import paper
from unix_exp.report.arms import Arm, Group, determining_settings
from unix_exp.report.blocks import Block, Figure, Section, Table, slug
from unix_exp.report.methods import extremes, first_figures, methods_table, spread_over_images
from unix_exp.report.stats import welch
from unix_exp.report.tables import MINUS, UNCORRECTED, p_of, signed, spread_of

STUDY = "zhang2020"


def sections(found: Sequence[Group]) -> list[Section]:
    """One, where a run used this method."""
    known = paper.published(STUDY)
    blocks: list[Block] = []
    figures: list[Figure] = []
    for group in found:
        if own := [arm for arm in group.arms if arm.settings["distiller"]["name"] == known["distiller"]]:
            blocks += tables_of(own, group, known)
            figures += figures_of(own, group, known)
    return [Section(known["title"], slug(known["title"]), [*blocks, *first_figures(figures)])] if blocks else []


def tables_of(own: Sequence[Arm], group: Group, known: Mapping[str, Any]) -> list[Block]:
    beside = [arm for arm in group.arms if arm.conventional or not arm.taught]
    blocks: list[Block] = [
        methods_table(
            f"{group.title}: PAD, what it is held against, and KD.",
            group,
            [*beside, *own],
            {arm.label: text for arm in own if (text := printed(arm, group, known))},
            slug(f"pad {group.dataset} {group.pair}"),
        )
    ]
    if (tested := against_controls(own, group, known)) is not None:
        blocks.append(tested)
    return blocks


def figures_of(own: Sequence[Arm], group: Group, known: Mapping[str, Any]) -> list[Figure]:
    """The weights of each arm over training, and the images at both ends; the paper's weights first."""
    return [
        figure
        for arm in sorted(own, key=lambda arm: not is_own(arm, known))
        for draw in (spread_over_images, extremes)
        if (figure := draw(arm, group, known["weight"], "weight")) is not None
    ]


def printed(arm: Arm, group: Group, known: Mapping[str, Any]) -> str:
    """The published figures of this arm, with their sources, and with their schedule where ours is another."""
    of_pair = known["published"].get(group.dataset, {}).get(group.pair, {})
    figures = of_pair.get(arm.settings["distiller"].get(known["by"]), {})
    text = ", ".join(f"{accuracy:.2f} ({source})" for source, accuracy in figures.items())
    own = [stage["epochs"] for stage in arm.runs[0].result.get("stages", [])]
    return (
        f"{text}, after {' + '.join(map(str, of_pair['epochs']))} epochs" if text and own != of_pair["epochs"] else text
    )


def against_controls(own: Sequence[Arm], group: Group, known: Mapping[str, Any]) -> Table | None:
    """The paper's weights against each control that differs in nothing but the weights."""
    rows = []
    for arm in own:
        if not is_own(arm, known):
            continue
        for other in own:
            if is_own(other, known) or beside(arm, known) != beside(other, known):
                continue
            if (test := welch(arm.accuracies, other.accuracies)) is not None:
                rows.append([
                    f"{arm.label} {MINUS} {other.label}", signed(test.difference), spread_of(test), p_of(test),
                    f"{len(arm.runs)} and {len(other.runs)}",
                ])  # fmt: skip
    if not rows:
        return None
    return Table(
        f"{group.title}: PAD against its controls, Welch's t-test.",
        ["comparison", "difference", "95 % interval", "p", "runs"],
        rows,
        slug(f"pad controls {group.dataset} {group.pair}"),
        notes=[UNCORRECTED],
    )


def is_own(arm: Arm, known: Mapping[str, Any]) -> bool:
    """Whether it weights images as the paper proposes, and not as a control."""
    return bool(arm.settings["distiller"].get(known["by"]) == known["own"])


def beside(arm: Arm, known: Mapping[str, Any]) -> dict[str, Any]:
    """All settings that are not those of the weights."""
    of_weights = {f"distiller.{name}" for name in (known["by"], "keep", "gamma")}
    return {key: value for key, value in determining_settings(arm.runs[0]).items() if key not in of_weights}
