"""A page for one run: what it reached, what it cost, how it was set, and how to repeat it.

pages(places, most) -> {name: page}    of the first runs, as many as asked for
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unix_exp.plots.markup import Markup, tag
from unix_exp.report import run_classes, run_curves, run_looks, run_origin, run_settings
from unix_exp.report.blocks import Block, Code, Notice, Section, Table, Text
from unix_exp.report.every_run import Place
from unix_exp.report.page import Links, contents, whole
from unix_exp.report.run_costs import costs
from unix_exp.report.runs import Run
from unix_exp.report.script import OF_RUNS
from unix_exp.report.shared_out import shared_out
from unix_exp.run.commands import repeating
from unix_exp.words import counted, duration

NEAREST = 24  # seeds of its arm that a run's page links to
REPORT = "../index.html"


def pages(found: Sequence[Place], most: int) -> dict[str, str]:
    links = Links({place.run.page for place in found[:most]}, base="")
    settings = {place.run.page: run_settings.settings_of(place.run) for place in found}
    beside: dict[object, list[Mapping[str, str]]] = {}  # the settings of each pair's runs
    for place in found:
        beside.setdefault(pair_of(place), []).append(settings[place.run.page])
    differing = {pair: run_settings.varied(those) for pair, those in beside.items()}

    def made(place: Place) -> tuple[str, list[str]]:
        table = run_settings.table(settings[place.run.page], differing[pair_of(place)])
        page = page_of(place, table, links)
        place.run.forget()
        return page, place.run.flaws

    shown = found[:most]
    named = {}
    for place, (page, flaws) in zip(shown, shared_out(made, shown), strict=True):
        named[place.run.page] = page
        place.run.flaws[:] = flaws  # what was found in another process
    return named


def pair_of(place: Place) -> object:
    return place.group.title if place.group is not None else (place.run.result["pair"], place.run.result["dataset"])


def page_of(place: Place, settings: Table, links: Links) -> str:
    run = place.run
    kin = place.arm.runs if place.arm is not None else (run,)
    blocks: dict[str, list[Block]] = {
        "Over the epochs": run_curves.blocks(run),
        "What it cost": [costs(run)],
        "The line that repeats it": [command(run)],
        "Classes": [*run_looks.confused(run.looks), *run_classes.accuracies(run)],
        "Images": run_looks.images(run.looks),
        "Settings": [settings],
        "Where it comes from": run_origin.blocks(run),
    }
    if run.flaws:  # of the records that the page shows, so they are asked last
        blocks = {"Records that are not whole": [Notice("Drawn from records that are not whole", run.flaws)], **blocks}
    sections = [
        Section(title, f"part-{number}", some) for number, (title, some) in enumerate(blocks.items(), 1) if some
    ]
    title = title_of(place)
    header = tag("header", trail(), tag("h1", title), facts(place), others(run, kin, links), contents(sections))
    return whole(title, header, sections, links, OF_RUNS)


def title_of(place: Place) -> str:
    result, group = place.run.result, place.group
    pair = group.title if group is not None else f"{result['student']} on {result['dataset']}"
    return f"{pair}: {place.label}, seed {result['seed']}"


def trail() -> Markup:
    return tag("nav", tag("a", "Report", href=REPORT), " / ", tag("a", "Every run", href=f"{REPORT}#every-run"),
               class_="trail", aria_label="Back")  # fmt: skip


def facts(place: Place) -> Markup:
    """What a reader asks first, in numbers."""
    run, share = place.run, place.share
    result, last = run.result, run.result["last"]
    found = [
        ("top-1", f"{last['top1']:.2f} %", "chosen on validation images" if run.chose_on_validation else "last epoch")
    ]
    if not run.chose_on_validation:
        best = result["best"]
        found.append(("best", f"{best['top1']:.2f} %", f"epoch {best['epoch']}" if "epoch" in best else ""))
    found.append(("top-5", f"{last['top5']:.2f} %", ""))
    if (teacher := result["teacher"]) is not None:
        found.append(("teacher", f"{teacher['top1']:.2f} %", teacher["name"]))
    if share is not None:
        found.append(("compute", f"{share:.1f} % of KD", f"{run.gflops:,.0f} GFLOPs"))
    else:
        found.append(("compute", f"{run.gflops:,.0f} GFLOPs", ""))
    found.append(("training", duration(result["time"]["train_seconds"]), counted(run.planned_epochs, "epoch")))
    return tag("dl", *(fact(*one) for one in found), class_="facts")


def fact(name: str, value: str, more: str) -> Markup:
    return tag("div", tag("dt", name), tag("dd", value, *([tag("small", more)] if more else [])))


def others(run: Run, kin: Sequence[Run], links: Links) -> Markup:
    """The other seeds of its arm, those next to it where there are many."""
    if len(kin) < 2:
        return Markup()
    at = kin.index(run)
    first = max(0, min(at - NEAREST // 2, len(kin) - NEAREST))
    near = kin[first : first + NEAREST]
    named = [seed_of(one, links) if one is not run else tag("strong", f"seed {run.result['seed']}") for one in near]
    more = f"and {len(kin) - len(near)} more" if len(kin) > len(near) else ""
    spaced = [part for one in named for part in (one, " ")]
    return tag("nav", "The same with other seeds: ", *spaced, more, class_="kin", aria_label="Other seeds")


def seed_of(run: Run, links: Links) -> Markup:
    name = f"seed {run.result['seed']}"
    linked = run.page in links.pages
    return tag("a", name, href=f"{links.base}{run.page}.html") if linked else tag("span", name)


def command(run: Run) -> Block:
    line = repeating(run.result.get("command"))
    if line is None:
        return Text("No command of this package was recorded: it was started from Python, or by other code.")
    return Code("For DIR give a folder that does not hold this run. A teacher that is missing is trained first.", line)
