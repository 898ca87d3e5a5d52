"""Components from outside the package: found, chosen, checked and part of what names a run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from common import Command, only
from plugged import CERTAIN, MINE, forgotten_afterwards, write_certain

from unix_exp import config, train
from unix_exp.config import compose, plugins
from unix_exp.registry import samplers
from unix_exp.types import Mistake


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with forgotten_afterwards():
        yield


def settings_of(*words: str, config_dir: Path | None = None) -> config.Settings:
    compose.prepare(words, config_dir)
    with compose.hydra_ready(config_dir):
        return config.resolve(compose.composed(words))


def identity_of(*words: str) -> str:
    return config.identity(config.what_determines(settings_of(*words), "images", "teacher"))


def loaded_anew(*words: str) -> str:
    """The same in another process, which reads the files again."""
    with forgotten_afterwards():
        return identity_of(*words)


def test_a_sampler_of_ones_own_trains_and_its_run_can_be_repeated(tiny: Command) -> None:
    write_certain(Path())
    said = tiny("sampler=certain", "sampler.k=4", "plugins=certain.py")
    assert said.code == 0, said.err
    result = json.loads((only(Path("runs")) / "result.json").read_text())
    assert (result["method"], result["settings"]["sampler"]["k"]) == ("certain", 4)
    words = result["command"].split()[3:]
    assert "plugins=certain.py" in words
    assert " is finished: " in tiny(*words).out


def test_its_settings_are_the_constructors(tmp_path: Path) -> None:
    write_certain(Path())
    assert settings_of("sampler=certain", "plugins=certain.py")["sampler"] == {
        "name": "certain", "k": None, "scout_mode": "train",
    }  # fmt: skip


def test_every_group_can_be_chosen_from(tmp_path: Path) -> None:
    Path("mine.py").write_text(MINE)
    words = ("criterion=[kd,smooth]", "student=thin", "teacher=thin", "dataset=few", "distiller=calm", "plugins=mine")
    made = settings_of(*words, "dataset.train_count=64")
    assert made["criterion"]["smooth"] == {"weight": 1.0, "share": 0.1, "parts": [1, 2]}
    assert made["criterion"]["kd"]["tau"] == 4.0
    assert made["student"] == {"name": "thin", "pace": "full", "width": 8, "checkpoint": None}
    assert made["teacher"] == made["student"] | {
        "checkpoint": "auto",
        "seed": 1000,
        "decay": None,
        "exit": None,
        "shrink": None,
    }
    assert made["dataset"] == {"name": "few", "train_count": 64, "test_count": 48}
    assert made["distiller"] == {"name": "calm", "calm": 0.5}, "what the program supplies is no setting"
    with pytest.raises(Mistake, match=r"dataset.train_count is missing; give dataset.train_count="):
        settings_of(*words)


def test_a_yaml_beside_it_wins_and_one_in_the_config_dir_wins_over_that(tmp_path: Path) -> None:
    write_certain(Path("code"))
    words = ("sampler=certain", "plugins=code/certain.py")
    for number, beside in enumerate(("certain.yaml", "sampler/certain.yaml", "conf/sampler/certain.yaml")):
        path = Path("code", beside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"name: certain\nk: {number}\n")
        assert settings_of(*words)["sampler"] == {"name": "certain", "k": number}
    Path("mine/sampler").mkdir(parents=True)
    Path("mine/sampler/certain.yaml").write_text("name: certain\nscout_mode: eval\n")
    expected = {"name": "certain", "scout_mode": "eval"}
    assert settings_of(*words, config_dir=Path("mine"))["sampler"] == expected
    assert settings_of(*words, f"hydra.searchpath=[file://{tmp_path}/mine]")["sampler"] == expected


def test_a_component_of_the_framework_needs_no_yaml_either(monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(config.choices_folder(), "conf")
    for gone in ("sampler/mixup", "model/resnet8", "criterion/at"):
        Path(f"conf/{gone}.yaml").unlink()
    for module in ("unix_exp.config.compose", "unix_exp.config.settings"):
        monkeypatch.setattr(f"{module}.choices_folder", lambda: Path("conf").absolute())
    for group in ("student", "teacher"):
        Path(f"conf/{group}/resnet8.yaml").unlink(missing_ok=True)  # a copy has no links
    made = settings_of("sampler=mixup", "student=resnet8", "criterion=[kd,at]")
    assert made["sampler"] == {"name": "mixup", "k": None, "alpha": 1.0}
    assert made["student"] == {"name": "resnet8", "pace": "full", "checkpoint": None}
    assert made["criterion"]["at"]["weight"] == 1.0


def test_changed_code_is_another_run_and_the_teacher_stays(tmp_path: Path) -> None:
    certain = write_certain(Path("code"))
    words = ("sampler=certain", "plugins=code/certain.py")
    first = loaded_anew(*words)
    assert loaded_anew(*words) == first
    shutil.copytree("code", "elsewhere")
    assert loaded_anew("sampler=certain", "plugins=elsewhere/certain.py") == first, "where it lies does not matter"
    certain.write_text(CERTAIN.replace("[:k]", "[-k:]"))
    second = loaded_anew(*words)
    (certain.parent / "order.py").write_text("def most_certain_first(scouted): return scouted.argsort()\n")
    third = loaded_anew(*words)
    (certain.parent / "unrelated.py").write_text("")
    assert len({first, second, third}) == 3
    assert loaded_anew(*words) == third, "a file that it doesn't import is no part of it"
    plain = config.of_teacher(compose_whole())
    compose.prepare(words)
    with_plugin = config.of_teacher(compose_whole(*words))
    made = [config.identity(config.what_determines(config.resolve(one), "", None)) for one in (plain, with_plugin)]
    assert made[0] == made[1]


def compose_whole(*words: str):
    with compose.hydra_ready():
        return compose.composed(words)


def test_a_run_without_its_components_keeps_its_identity(tmp_path: Path) -> None:
    before = identity_of("sampler=random")
    write_certain(Path())
    assert identity_of("sampler=random", "plugins=certain.py") == before


def test_a_package_is_one_plug_in_with_all_its_files(tmp_path: Path) -> None:
    package = Path("my_methods")
    write_certain(package)
    (package / "certain.py").write_text(CERTAIN.replace("from order", "from .order"))
    (package / "__init__.py").write_text("from . import certain\n")
    first = loaded_anew("sampler=certain", "plugins=my_methods")
    assert first == loaded_anew("sampler=certain", "plugins=my_methods/__init__.py"), "by its name or its file"
    (package / "another.py").write_text("# found at run time\n")
    assert loaded_anew("sampler=certain", "plugins=my_methods") != first


def test_several_are_loaded_and_each_once(tmp_path: Path) -> None:
    write_certain(Path())
    Path("mine.py").write_text(MINE)
    loaded = plugins.load(["certain.py", "mine", "certain", str(tmp_path / "mine.py")])
    assert [plugin.name for plugin in loaded] == ["certain", "mine", "certain", "mine"]
    assert loaded[0] is loaded[2] is plugins.of(samplers, "certain")


def test_what_is_installed_as_one_is_loaded_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    write_certain(Path())
    monkeypatch.syspath_prepend(Path.cwd())
    entry = EntryPoint("anything", "certain", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == entry.group else [])
    assert settings_of("sampler=certain")["sampler"]["name"] == "certain"


def test_a_launchers_processes_load_it_too(forked: Path) -> None:
    write_certain(Path())
    words = ("experiment=scratch", "student=resnet8", "scale=smoke", "logger=none", "sampler=certain")
    more = ("plugins=certain.py", "seed=0", "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "unix_exp.train", *words, *more], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((only(Path("runs")) / "result.json").read_text())["settings"]["sampler"]["name"] == "certain"


BROKEN = {
    "broken.py": "import torch\nx = undefined\n",
    "typo.py": "def f(:\n",
    "empty.py": "x = 1\n",
    "exits.py": "raise SystemExit(3)\n",
    "taken.py": CERTAIN.replace('"certain"', '"unix"'),
    "again.py": CERTAIN,
    "random.py": CERTAIN,
    "uses_helper.py": "\n\nimport helper\n",
    "helper.py": "def f():\n    raise ValueError('no\\nway')\n\nf()\n",
    "my-methods.py": CERTAIN,
    "missing.py": "from unix_exp.registry import sampler\n",
}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("plugins=nowhere.py", "plug-in nowhere.py does not exist in "),
        ("plugins=nowhere", "plug-in 'nowhere' is not found: there is no such module in "),
        ("plugins=broken.py", "plug-in broken.py, line 2: NameError: name 'undefined' is not defined"),
        ("plugins=typo.py", "plug-in typo.py, line 1: SyntaxError: invalid syntax"),
        ("plugins=empty", "plug-in empty.py registers nothing; put @samplers.register('NAME') before a class"),
        ("plugins=exits.py", "plug-in exits.py, line 1 ended the program; put what it runs below: if __name__"),
        ("plugins=taken.py", "line 7: sampler 'unix' is registered already, by unix_exp.samplers.unix; rename one"),
        ("plugins=[certain.py,again.py]", "line 7: sampler 'certain' is registered already, by certain; rename one"),
        ("plugins=random.py", "plug-in random.py has the name of another module"),
        ("plugins=uses_helper.py", "plug-in helper.py, line 2: ValueError: no way"),
        ("plugins=my-methods.py", "plug-in my-methods.py cannot be imported under the name 'my-methods'"),
        ("plugins=missing.py", "plug-in missing.py, line 1: ImportError: cannot import name 'sampler'"),
        ("plugins={a:1}", "plug-in '{'a': 1}' is not found"),
        ("plugins=certain.py sampler=certan", "sampler 'certan' does not exist; did you mean 'certain'?"),
        ("plugins=certain.py sampler=certain sampler.kk=2", "sampler 'certain' has no setting 'kk'; did you mean 'k'?"),
        ("plugins=certain.py sampler=certain sampler.k=x", "sampler.k is 'x'; it must be a whole number or null"),
        (
            "--config-dir mine sampler=certain",
            "no sampler 'certain' is registered; did you mean 'uncertain'? (plugins=",
        ),
        ("plugins=certain.py criterion=[kd,att]", "criterion 'att' does not exist; did you mean 'at'?"),
    ],
)
def test_a_mistake_is_one_line(tiny: Command, words: str, message: str) -> None:
    write_certain(Path())
    for name, text in BROKEN.items():
        Path(name).write_text(text)
    Path("mine/sampler").mkdir(parents=True)
    Path("mine/sampler/certain.yaml").write_text("name: certain\n")
    said = tiny(*words.split())
    assert said.code == 2, said.err
    (line,) = said.err.splitlines()
    assert line.startswith("error: ") and message in line
    assert not Path("runs").exists()


def test_one_that_failed_can_be_loaded_once_it_is_right(tmp_path: Path) -> None:
    write_certain(Path())
    Path("certain.py").write_text(CERTAIN + "\nraise ValueError\n")
    with pytest.raises(Mistake, match=r"certain.py, line \d+: ValueError"):
        plugins.load("certain.py")
    Path("certain.py").write_text(CERTAIN)
    (plugin,) = plugins.load("certain.py")
    assert plugin.components == (("sampler", "certain"),)


def test_two_with_helpers_of_one_name_are_not_confused(tmp_path: Path) -> None:
    write_certain(Path("one"))
    write_certain(Path("two")).rename("two/other.py")
    Path("two/other.py").write_text(CERTAIN.replace('"certain"', '"other"'))
    plugins.load("one/certain.py")
    with pytest.raises(Mistake, match=r"it imports order.py, but Python has another 'order'"):
        plugins.load("two/other.py")


def test_help_lists_what_it_registers(typed: Callable[..., Command]) -> None:
    write_certain(Path())
    command = typed(train.main)
    said = command("--help", "plugins=certain.py")
    (line,) = (line for line in said.lines if line.startswith("  sampler  "))
    assert "certain" in line.split()
    assert "plugins=my.py" in command("--help").out
