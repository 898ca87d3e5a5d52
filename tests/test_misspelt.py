"""What is said to what people type who come from other programs, or in a hurry: one line, before any folder exists."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from checked import said_of
from common import Command
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from unix_exp.cli import errors, hints
from unix_exp.cli.help import composed, groups
from unix_exp.config import compose
from unix_exp.words import alike, closest

SETTINGS = """
epochs=3               | there is no setting 'epochs'; did you mean 'recipe.epochs=3'?
+epochs=3              | there is no setting 'epochs'; did you mean 'recipe.epochs=3'?
num_epochs=3           | there is no setting 'num_epochs'; did you mean 'recipe.epochs=3'?
train.epochs=3         | there is no setting 'train'; did you mean 'recipe.epochs=3'?
teacher.epochs=3       | teacher 'resnet32x4' has no setting 'epochs'; did you mean 'teacher_recipe.epochs=3'?
lr=0.1                 | there is no setting 'lr'; did you mean 'recipe.lr=0.1'?
learning_rate=0.1      | there is no setting 'learning_rate'; did you mean 'recipe.lr=0.1'?
optimizer=adamw        | there is no setting 'optimizer'; did you mean 'recipe.optimiser=adamw'?
optimizer.lr=0.1       | there is no setting 'optimizer'; did you mean 'recipe.lr=0.1'?
recipe.optimizer=adamw | recipe has no setting 'optimizer'; did you mean 'recipe.optimiser=adamw'?
batch_size=128         | there is no setting 'batch_size'; did you mean 'recipe.batch=128'?
batch-size=128         | there is no setting 'batch-size'; did you mean 'recipe.batch=128'?
weight_decay=1e-4      | there is no setting 'weight_decay'; did you mean 'recipe.weight_decay=1e-4'?
scheduler=cosine       | there is no setting 'scheduler'; did you mean 'recipe.schedule=cosine'?
milestones=[10,20]     | there is no setting 'milestones'; did you mean 'recipe.milestones=[10,20]'?
device=cpu             | there is no setting 'device'; did you mean 'runtime.device=cpu'?
gpu=0                  | there is no setting 'gpu'; did you mean 'runtime.device=cuda:0'?
cuda=false             | there is no setting 'cuda'; did you mean 'runtime.device=cpu'?
amp=true               | there is no setting 'amp'; did you mean 'runtime.precision=bf16'?
fp16=false             | there is no setting 'fp16'; did you mean 'runtime.precision=float32'?
recipe.precision=bf16  | recipe has no setting 'precision'; did you mean 'runtime.precision=bf16'?
wandb=false            | there is no setting 'wandb'; did you mean 'logger=none'?
wandb.project=mine     | there is no setting 'wandb'; did you mean 'logger.project=mine'?
k=48                   | there is no setting 'k'; did you mean 'sampler.k=48'?
sampler.K=48           | sampler 'unix' has no setting 'K'; did you mean 'k'?
temperature=4          | there is no setting 'temperature'; did you mean 'criterion.kd.tau=4'?
T=4                    | there is no setting 'T'; did you mean 'criterion.kd.tau=4'?
criterion.tau=4        | criterion has no setting 'tau'; did you mean 'criterion.kd.tau=4'?
alpha=0.5              | there is no setting 'alpha'; did you mean 'sampler.alpha=0.5'?
held_out=0.5           | there is no setting 'held_out'; 'sampler.held_out' is a setting of sampler=rho
sampler.held_out=0.5   | sampler 'unix' has no setting 'held_out'; 'sampler.held_out' is a setting of sampler=rho
model=resnet18         | there is no setting 'model'; did you mean 'student=resnet18'?
arch=ResNet-18         | there is no setting 'arch'; did you mean 'student=resnet18'?
student.model=vgg8     | student 'shufflev2' has no setting 'model'; did you mean 'student=vgg8'?
pretrained=true        | there is no setting 'pretrained'; 'student.pretrained' is a setting of student=timm or
data=CIFAR-10          | there is no setting 'data'; did you mean 'dataset=cifar10'?
data=photos            | there is no setting 'data'; did you mean 'dataset=folder dataset.path=photos'?
num_workers=4          | there is no setting 'num_workers'; 'dataset.workers' is a setting of dataset=folder,
seeds=0,1              | there is no setting 'seeds'; did you mean 'seed=0,1 -m'?
output_dir=out         | there is no setting 'output_dir'; did you mean 'runs=out'?
checkpoint=t.pth       | did you mean 'student.checkpoint=t.pth' or 'teacher.checkpoint=t.pth'?
resume=true            | there is no setting 'resume'; the same command continues a run where it stopped
config=mine.yaml       | there is no setting 'config'; write choices of your own as DIR/experiment/NAME.yaml
num_classes=10         | there is no setting 'num_classes'; the classes are read from the data set
kd=true                | there is no setting 'kd'; did you mean 'experiment=kd' or 'criterion=kd'?
experimnt=unix         | there is no setting 'experimnt'; did you mean 'experiment'?
recipe.epohcs=3        | recipe has no setting 'epohcs'; did you mean 'epochs'?
zzz=1                  | there is no setting 'zzz'; choose one of answers, assistant, criterion, dataset,
"""

CHOICES = """
teacher=ResNet32x4     | teacher 'ResNet32x4' does not exist; did you mean 'resnet32x4'?
student=resnet-8x4     | student 'resnet-8x4' does not exist; did you mean 'resnet8x4'?
student=WRN-40-2       | student 'WRN-40-2' does not exist; did you mean 'wrn_40_2'?
dataset=CIFAR100       | dataset 'CIFAR100' does not exist; did you mean 'cifar100'?
dataset=cifar-100      | dataset 'cifar-100' does not exist; did you mean 'cifar100'?
criterion=[kd,att]     | criterion 'att' does not exist; did you mean 'at'?
experiment=UNIX        | experiment 'UNIX' does not exist; did you mean 'unix'?
sweep=tabel1           | sweep 'tabel1' does not exist; did you mean 'table1'?
model=resnet18         | there is no setting 'model'; did you mean 'student=resnet18'?
scale=smok             | scale 'smok' does not exist; did you mean 'smoke'?
"""

COMMANDS = """
--epochs 3             | no flag '--epochs'; settings are written without dashes: did you mean 'recipe.epochs=3'?
--batch-size=8         | settings are written without dashes: did you mean 'recipe.batch=8'?
--student vgg8         | there is no flag '--student'; settings are written without dashes: did you mean 'student=vgg8'?
--nothing-of-this      | there is no flag '--nothing-of-this'; --help lists what there is
epochs = 3             | write epochs=3 without spaces around =
seed= 1                | write seed=1 without spaces around =
seed =1                | write seed=1 without spaces around =
criterion=[kd, at]     | without spaces and in quotes it is one word: 'criterion=[kd,at]'
epochs 3               | 'epochs' has no value; did you mean 'recipe.epochs=3'?
unix                   | 'unix' has no value; did you mean 'experiment=unix' or 'sampler=unix'?
sampler                | 'sampler' chooses nothing; write sampler=NAME (--help sampler lists them)
"""


def rows(table: str) -> list[tuple[str, str]]:
    lines = [line.split(" | ") for line in table.strip().splitlines()]
    return [(typed.strip(), said) for typed, said in lines]


@cache
def usual() -> DictConfig:
    compose.prepare(())
    return composed(())


def first_unknown(key: str) -> str:
    """The part of a key that Hydra says is not there."""
    node, parts = usual(), key.split(".")
    for number, part in enumerate(parts, start=1):
        if part not in node:
            return ".".join(parts[:number])
        node = node[part]
    raise AssertionError(f"{key} is a setting")


@pytest.mark.parametrize(("typed", "said"), rows(SETTINGS))
def test_a_setting_that_there_is_not(typed: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "composed", lambda words, config_dir: usual())  # composing takes a second
    found = errors.unknown_setting(first_unknown(typed.lstrip("+").partition("=")[0]), [typed])
    assert said in found and "\n" not in found


@pytest.mark.parametrize(("typed", "said"), rows(CHOICES))
def test_a_choice_that_there_is_not(typed: str, said: str) -> None:
    compose.prepare(())
    with compose.hydra_ready(), pytest.raises(HydraException) as refused:
        compose.composed((typed,))
    assert errors.in_one_line(refused.value, (typed,)) == said


@pytest.mark.parametrize(("typed", "said"), rows(COMMANDS))
def test_a_whole_command_ends_in_one_line_and_makes_nothing(typed: str, said: str, tmp_path: Path) -> None:
    ended = said_of(shlex.split(typed), tmp_path)
    assert ended.code == 2 and len(ended.err.splitlines()) == 1 and said in ended.err
    assert list(tmp_path.iterdir()) == []


def test_at_least_forty_are_here() -> None:
    assert sum(len(rows(table)) for table in (SETTINGS, CHOICES, COMMANDS)) >= 60


def words_of_table() -> list[str]:
    switches = [one[state] for one in hints.table().switches.values() for state in ("true", "false", "other")]
    return [*(word for words in hints.table().same.values() for word in words), *switches]


def test_what_the_table_of_other_programs_words_suggests_exists() -> None:
    choices = groups()
    known = {*hints.paths(OmegaConf.to_container(usual())), *usual(), *choices}
    known |= {path for path, _, _ in hints.settings_of_choices(compose.folders())}
    for word in words_of_table():
        for part in word.format(value="x").split():
            key, _, value = part.partition("=")
            assert any(alike(hints.last(one)) == key[1:] for one in known) if key.startswith(".") else key in known, (
                word
            )
            assert key not in choices or not value or value in choices[key], word


def test_no_word_of_another_program_is_a_setting_or_a_group_here() -> None:
    """It would never be looked up."""
    table, known = hints.table(), {*usual(), *groups()} - {"model"}
    assert not known & {*table.same, *table.switches, *table.advice}


@pytest.mark.parametrize(
    ("typed", "known", "near"),
    [
        ("ResNet-8x4", ["resnet8", "resnet8x4"], "resnet8x4"),
        ("WRN 16 2", ["wrn_16_1", "wrn_16_2"], "wrn_16_2"),
        ("KD-ce", ["kd_ce", "kd-ce1"], "kd_ce"),
        ("Certan", ["certain", "random"], "certain"),
        ("zzz", ["certain"], None),
        ("x", [], None),
    ],
)
def test_the_closest_name_is_found_whatever_its_case(typed: str, known: Sequence[str], near: str | None) -> None:
    assert closest(typed, known) == near


OTHERS = """
sweeps pln demo                  | there is no command 'pln'; did you mean 'plan'?
sweeps plan demo --spede 3       | there is no flag '--spede'; did you mean '--speed'?
sweeps plan tabel1               | sweep 'tabel1' does not exist; did you mean 'table1'?
sweeps                           | is missing; python -m unix_exp.sweeps --help lists what there is
report                           | RUNS is missing; python -m unix_exp.report --help lists what there is
report nowhere                   | nowhere is not a folder; give run folders, or folders that hold them, such as runs
report photo                     | photo is not a folder; did you mean photos?
report photos --markdwn x.md     | there is no flag '--markdwn'; did you mean '--markdown'?
export photos                    | photos is not a finished run: it has no result.json
export photo                     | there is no run folder photo; did you mean photos?
predict a.png photos             | a.png is an image; the network comes first: python -m unix_exp.predict RUN a.png
predict a.png net.onnx           | the network comes first: python -m unix_exp.predict net.onnx a.png
predict photos net.onnx          | the network comes first: python -m unix_exp.predict net.onnx photos
predict net.onxn a.png           | net.onxn does not exist; did you mean net.onnx?
predict net.onnx                 | image is missing; python -m unix_exp.predict --help lists what there is
catalogue --pair nonsense        | pair 'nonsense' does not exist; choose one of resnet110_resnet32
cost --of resnet9000             | no model 'resnet9000' is registered; did you mean
cost --off resnet20              | there is no flag '--off'; did you mean '--of'?
bench epochs=3                   | there is no setting 'epochs'; did you mean 'recipe.epochs=3'?
bench --stepz 3                  | there is no flag '--stepz'; did you mean '--steps'?
runs lst                         | there is no command 'lst'; did you mean 'list'?
"""


@pytest.mark.parametrize(("typed_words", "said"), rows(OTHERS))
def test_another_command_ends_in_one_line_too(
    typed: Callable[[Callable[[], None]], Command], typed_words: str, said: str
) -> None:
    Path("photos").mkdir()
    for name in ("a.png", "net.onnx"):
        Path(name).write_bytes(b"")
    command, *words = shlex.split(typed_words)
    ended = typed(importlib.import_module(f"unix_exp.{command}.__main__").main)(*words)
    assert ended.code == 2 and len(ended.err.splitlines()) == 1 and said in ended.err
    assert {path.name for path in Path().iterdir()} == {"photos", "a.png", "net.onnx"}
