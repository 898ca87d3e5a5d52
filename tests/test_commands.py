"""What a stranger types, rightly and wrongly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from common import SIDE, Command, only
from hydra import compose, initialize_config_dir

from unix_exp import config


def composed(*words: str) -> config.Settings:
    config.register_resolvers()
    with initialize_config_dir(str(config.choices_folder()), version_base="1.3"):
        return config.resolve(compose("config", overrides=list(words)))


def test_the_learning_rate_follows_the_student() -> None:
    assert composed("student=shufflev2")["recipe"]["lr"] == 0.01
    assert composed("student=resnet20")["recipe"]["lr"] == 0.05
    assert composed("student=shufflev2", "recipe.lr=0.3")["recipe"]["lr"] == 0.3


def test_the_teachers_learning_rate_follows_the_teacher() -> None:
    config.register_resolvers()
    with initialize_config_dir(str(config.choices_folder()), version_base="1.3"):
        whole = compose("config", overrides=["teacher=resnet32x4", "student=shufflev2", "recipe.epochs=3"])
    teacher = config.resolve(config.of_teacher(whole))
    assert teacher["recipe"]["lr"] == 0.05
    assert teacher["recipe"]["epochs"] == 240, "a shorter student leaves the teacher whole"
    assert teacher["student"]["name"] == "resnet32x4"


def test_k_and_b_follow_the_batch() -> None:
    sampler = composed("recipe.batch=128")["sampler"]
    assert (sampler["k"], sampler["b"]) == (96, 64)
    assert composed("sampler.k=40")["sampler"]["k"] == 40


def test_a_pair_chooses_both_and_a_word_after_it_wins() -> None:
    settings = composed("pair=vgg13_vgg8", "student=resnet8")
    assert (settings["teacher"]["name"], settings["student"]["name"]) == ("vgg13", "resnet8")


HELP_ON = ("--help", "sampler", "experiment=unix", "recipe=cifar", "recipe.lr")


@pytest.mark.parametrize("words", [("--help",), HELP_ON, ("--version",), ("--cfg", "job"), ("teacher=resnet99",)])
def test_help_and_config_import_nothing_heavy(words: tuple[str, ...], tmp_path: Path) -> None:
    code = (
        "import sys; from unix_exp import train\n"
        "try: train.main()\n"
        "finally: print('heavy:', sorted({'torch', 'timm', 'wandb'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert "heavy: []" in ended.stdout, ended.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("teacher=resnet32x5", "teacher 'resnet32x5' does not exist; did you mean 'resnet32x4'?"),
        ("samplre=unix", "there is no setting 'samplre'; did you mean 'sampler'?"),
        ("sampler.uncertanty=margin", "sampler 'unix' has no setting 'uncertanty'; did you mean 'uncertainty'?"),
        ("+sampler.uncertanty=margin", "sampler 'unix' has no setting 'uncertanty'; did you mean 'uncertainty'?"),
        ("epochs=3", "there is no setting 'epochs'; did you mean 'recipe.epochs=3'?"),
        ("+sede=1", "there is no setting 'sede'; did you mean 'seed'?"),
        ("+recipe.epohcs=1", "recipe has no setting 'epohcs'; did you mean 'epochs'?"),
        ("criterion.kd.taau=4", "criterion.kd has no setting 'taau'; did you mean 'tau'?"),
        ("sweep=tabel1", "sweep 'tabel1' does not exist"),
        ("sampler.k=abc", "sampler.k is 'abc'; it must be a whole number or null"),
        ("sampler.k=17", "sampler.k is 17; choose 1 to 16, the batch size"),
        ("sampler.k=0", "sampler.k is 0; choose 1 to 16, the batch size"),
        ("sampler.uncertainty=entrpy", "sampler.uncertainty is 'entrpy'; it must be one of entropy, confidence"),
        ("sampler.w=nan", "sampler.w is nan; choose a number from -1,000,000 to 1,000,000"),
        ("recipe.lr=-1", "recipe.lr is -1; choose a number above 0"),
        ("teacher_recipe.epochs=0", "teacher_recipe.epochs is 0; choose 1 to 1,000,000"),
        ("seed=x", "seed is 'x'; it must be a whole number from 0 on"),
        ("recipe.batch=500", "recipe.batch is 500, but the dataset has 48 training images"),
        ("runtime.precision=fp16", "runtime.precision is 'fp16'; it must be one of float32, bf16"),
        ("runtime.device=gpu", "runtime.device is 'gpu'; choose auto, cpu, cuda or cuda:N"),
        ("criterion=[kd,at] teacher=vgg8", "the student shows 3 stages and the teacher 4; choose another pair"),
        ("distiller=supervised criterion=kd", "distiller 'supervised' has no teacher to compare with; choose"),
        ("~teacher", "distiller 'offline' needs a teacher; choose one with teacher=NAME"),
        ("teacher.checkpoint=nowhere.pth", "teacher.checkpoint nowhere.pth does not exist; give auto or the path"),
        ("teacher=timm teacher.arch=resnet81", "timm has no arch 'resnet81'; did you mean 'resnet18'?"),
        ("student=torchvision student.taps=[layr1]", "torchvision resnet18 has no module 'layr1' to tap"),
        ("logger=wandb +logger.projct=x", "logger 'wandb' has no setting 'projct'; did you mean 'project'?"),
        ("sampler.k=[1", "cannot read 'sampler.k=[1'; write key=value"),
        ("runs=occupied", "cannot write to occupied/"),
        ("dataset=[cifar10,shapes]", "dataset takes one choice: write dataset=NAME, or dataset=NAME,NAME with -m"),
        ("~dataset", "dataset takes one choice: write dataset=NAME"),
        ("sampler=[unix,random]", "sampler takes one choice; to run each of several, write sampler=NAME,NAME -m"),
        ("~criterion", "criterion is not chosen; give criterion=NAME"),
        ("~runtime", "runtime is not chosen; give runtime=NAME"),
        ("seed --cfg job", "'seed' has no value"),
        ("foo --cfg job", "cannot read 'foo'; write key=value"),
        ("runs=null", "runs is None; give the path of a folder"),
        ("teacher=null", "a group takes a choice by name, and 'teacher=null' gives none"),
        ("teacher=[nan]", "a group takes a choice by name, and 'teacher=[nan]' gives none"),
        ("~recipe=[cifar]", "a group takes a choice by name, and '~recipe=[cifar]' gives none"),
        ("~recipe=5", "a group takes a choice by name, and '~recipe=5' gives none"),
        ("+runtime=[[]]", "a group takes a choice by name, and '+runtime=[[]]' gives none"),
        ("teacher.seed=-1", "teacher.seed is -1; it must be a whole number from 0 on"),
        ("seed=99999999999999999999", "it must be a whole number from 0 on, below 2^31"),
        ("seed=0,1", "add -m to run each of several values"),
        ("recipe.batch=abc", "recipe.batch is 'abc'; it must be a whole number"),
        ("recipe.warmup_epochs=5", "recipe.warmup_epochs is 5; choose less than the 1 epoch"),
        ("~recipe.lr", "recipe.lr is missing; it must be a number"),
        ("criterion.kd.weight=nan", "criterion.kd.weight is nan; choose a number from 0 to 1,000,000"),
        ("criterion.kd.tau=nan", "criterion.kd.tau is nan; choose a number from 0.01 to 1000"),
        ("student=timm student.arch=vit_tiny_patch16_224", f"vit_tiny_patch16_224 cannot work on {SIDE} px images"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_made(tiny: Command, words: str, complaint: str) -> None:
    Path("occupied").write_text("a file where a folder should be")
    said = tiny(*words.split())
    assert said.code == 2
    lines = said.err.splitlines()
    assert len(lines) == 1, said.err
    assert lines[0].startswith("error: ")
    assert complaint in lines[0]
    assert not Path("runs").exists()
    assert not Path("teachers").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_said(tiny: Command) -> None:
    said = tiny("runtime.device=cuda")
    assert (said.code, said.err) == (
        2, "error: runtime.device is 'cuda' but PyTorch finds no GPU here; choose auto or cpu\n",
    )  # fmt: skip


def test_a_typo_inside_a_yaml_of_ones_own_is_found(tiny: Command) -> None:
    Path("mine/experiment").mkdir(parents=True)
    Path("mine/experiment/own.yaml").write_text("# @package _global_\nsampler:\n  uncertanty: margin\n")
    said = tiny("--config-dir", "mine", "experiment=own")
    assert said.code == 2
    assert "sampler 'unix' has no setting 'uncertanty'; did you mean 'uncertainty'?" in said.err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        *((f"{group}: 0.5\n", f"{group} is '0.5'; it holds settings") for group in ("sampler", "recipe", "student")),
        ("sampler: [1, 2]\n", "experiment/own does not fit the rest of the configuration: Cannot merge"),
        ("criterion:\n  kd:\n    tau: 4.0\n    weight: 1.0\n    tau: 4.0\n", "found duplicate key tau"),
    ],
)
def test_a_yaml_of_ones_own_that_holds_no_settings_is_one_line(tiny: Command, text: str, complaint: str) -> None:
    Path("mine/experiment").mkdir(parents=True)
    Path("mine/experiment/own.yaml").write_text("# @package _global_\n" + text)
    said = tiny("--config-dir", "mine", "experiment=own")
    assert said.code == 2 and complaint in said.err and said.err.count("\n") == 1, said.err


def test_a_setting_below_a_plain_value_is_no_group(tiny: Command) -> None:
    said = tiny("seed.foo=1")
    assert said.code == 2 and "seed has no setting 'foo'" in said.err
    said = tiny("plugins.a=1")
    assert said.code == 2 and "plugins is a list, and plugins.a=1 names nothing in it" in said.err


def test_a_sweep_does_every_job_and_names_the_one_that_failed(tiny: Command) -> None:
    said = tiny("-m", "sampler.k=4,8,99")
    assert said.code == 1
    assert "failed: job 3" in said.err
    assert "sampler.k is 99; choose 1 to 16, the batch size" in said.err
    assert len(list(Path("runs").glob("*/result.json"))) == 2
    table = said.out[said.out.index("pair ") :]
    assert table.count("resnet8_resnet8") >= 2

    again = tiny("-m", "sampler.k=4,8")
    assert again.code == 0
    assert again.out.count("is finished:") == 2


def test_a_folder_of_images_trains_with_a_network_of_timm(command: Command, images: Path) -> None:
    said = command(
        "dataset=folder", f"dataset.path={images}", "teacher=timm", "teacher.arch=resnet10t", "student=resnet8",
        "recipe=smoke", "recipe.batch=4", "teacher_recipe.batch=4", "logger=none",
    )  # fmt: skip
    assert said.code == 0, said.err
    result = json.loads((only(Path("runs")) / "result.json").read_text())
    assert result["teacher"]["name"] == "resnet10t"
    assert result["pair"] == "resnet10t_resnet8"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    from PIL import Image

    for half, count in (("train", 6), ("test", 2)):
        for label, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
            folder = tmp_path / "images" / half / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (32, 32), colour).save(folder / f"{number}.png")
    return tmp_path / "images"
