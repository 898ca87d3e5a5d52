"""A user's mistake in one line: what, where, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from unix_exp.cli import unread
from unix_exp.cli.help import composed, groups
from unix_exp.cli.hints import Typed, hint, is_others
from unix_exp.config import compose
from unix_exp.config.choices import no_settings
from unix_exp.config.shared import NO_CHOICE
from unix_exp.run.foreign import yaml_of
from unix_exp.types import Mistake
from unix_exp.words import as_line, closest, first_line, nearest

SURE = 0.75  # how close a name has to be to one of its own group, for no other group to be asked
LONGEST = 2000  # characters of a line: what is typed and what could be chosen may be longer
EXTRAS = {"hydra/launcher/joblib": "joblib", "hydra/sweeper/optuna": "search"}  # by choice, what it is installed with


def in_one_line(error: BaseException, words: Sequence[str] = (), config_dir: Path | None = None) -> str | None:
    """What the user did wrong, or None where it is a bug; `words` are the command's overrides."""
    if (message := message_of(error, words, config_dir)) is None:
        return None
    line = as_line(message)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def message_of(error: BaseException, words: Sequence[str], config_dir: Path | None) -> str | None:
    if isinstance(error, Mistake):
        return str(error)
    if isinstance(error, OverrideParseException):
        return unread.unreadable(error.override, words, config_dir)
    # OmegaConf's own error, of a number or a list; Hydra's of a choice that does not exist is an OSError too.
    loaded_no_mapping = isinstance(error, OSError) and error.errno is None and not isinstance(error, HydraException)
    if isinstance(error, (YAMLError, UnicodeDecodeError)) or loaded_no_mapping:
        said = unreadable(compose.folders(words, config_dir)[1:])
        return said or (as_line(str(error)) if isinstance(error, YAMLError) else None)  # a key that stands twice
    if not isinstance(error, (HydraException, OmegaConfBaseException)):
        return None
    if not isinstance(error, MissingConfigException) and (message := of_grid(words, config_dir)):
        return message
    return of_job(error, words, config_dir)


def unreadable(folders: Sequence[Path]) -> str | None:
    """The first file in the command's own folders that holds no settings; Hydra does not say which one it read."""
    for path in sorted(path for folder in folders for path in folder.rglob("*.yaml")):
        try:
            if not isinstance(yaml_of(path), dict | None):
                return f"{path} holds no settings; write them as lines of key: value"
            path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            return f"{path} cannot be read: {error}"
    return None


def of_grid(words: Sequence[str], config_dir: Path | None) -> str | None:
    """What is wrong with the first job that cannot be composed, and which choices leave it out; None if all can."""
    with compose.hydra_ready(config_dir):
        invalid = compose.first_invalid(words)
    if invalid is None:
        return None
    message = of_job(invalid.error, invalid.job, config_dir)
    if not invalid.valid:
        return message
    what = message.partition("; ")[0]  # the rest is advice for a misspelt name, which this one is not
    return f"{what}; that is {invalid.choice}, which {invalid.valid} leaves out"


def of_job(error: HydraException | OmegaConfBaseException, words: Sequence[str], config_dir: Path | None) -> str:
    if isinstance(error, MissingConfigException):
        return unknown_choice(error, words, config_dir)
    cause = error if isinstance(error, OmegaConfBaseException) else error.__cause__
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        if "not in struct" in str(cause) or "is not in" in str(cause):
            return unknown_setting(cause.full_key, words, config_dir)
        return f"{cause.full_key}: {first_line(cause)}"
    if str(error).startswith(NO_CHOICE):
        return f"{error}; write one such as teacher=resnet32x4; to leave a group out, write ~GROUP"
    if group := without_choice(str(error)):
        return f"{group} takes one choice: write {group}=NAME, or {group}=NAME,NAME with -m to run each of several"
    if unknown := re.match(r"Could not override '([\w.]+)'", str(error)):  # a group that no configuration chooses from
        return unknown_setting(unknown[1], words, config_dir)
    if unfit := re.match(r"In '([^']+)': \w+ raised while composing config:\s*(.*)", str(error)):  # a list for settings
        return f"{unfit[1]} does not fit the rest of the configuration: {unfit[2]}"
    if str(error).startswith("Ambiguous value"):
        if any(word.startswith("sweep=") for word in words):
            return f"{first_line(error)}; this command makes one run, so give one value"
        return f"{first_line(error)}; add -m to run each of several values, or quote a list: 'key=[a,b]'"
    return first_line(error)


def without_choice(said: str) -> str | None:
    """The group that others follow, ${group}, and that was left out or given a list."""
    wanted, _, known = said.partition(", possible interpolation keys: ")
    if not wanted.startswith("Error resolving interpolation"):
        return None
    groups_of = re.findall(r"\$\{(\w+)\}", wanted)
    return next((group for group in groups_of if group not in known.split(", ")), None)


def unknown_choice(error: MissingConfigException, words: Sequence[str] = (), config_dir: Path | None = None) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if (extra := EXTRAS.get(error.missing_cfg_file or "")) is not None:
        return f"{group} '{name}' is not installed; pip install 'unix_exp[{extra}]'"
    known = error.options or groups(compose.folders(words, config_dir)).get(group, [])  # Hydra has none for a list
    return f"{group or 'configuration'} '{name}' does not exist; {nearest(name, known)}"


def unknown_setting(full_key: str, words: Sequence[str], config_dir: Path | None = None) -> str:
    """Look up what could have been set there, with the same groups chosen."""
    owner_path, _, key = full_key.rpartition(".")
    whole = node = composed(words, config_dir)
    folders = compose.folders(words, config_dir)
    for part in owner_path.split(".") if owner_path else ():
        node = node.get(part) if isinstance(node, DictConfig) else None
    if node is not None and not isinstance(node, DictConfig) and owner_path in groups(folders):
        return no_settings(owner_path, node)
    known = [str(name) for name in node if name != "hydra"] if isinstance(node, DictConfig) else []
    owner = f"{owner_path} has" if owner_path else "there is"
    if isinstance(node, DictConfig) and isinstance(name := node.get("name"), str):
        owner = f"{owner_path} '{name}' has"
        known = [one for one in known if one not in ("name", "pace")]
    known += [] if owner_path else [one for one in groups(folders) if one not in known]
    if key in known:  # it is there without the word that removes it
        return f"{full_key} is left out with ~{full_key}, and another word or setting needs it; choose one instead"
    said = f"{owner} no setting '{key}'"
    word = typed(full_key, words)
    misspelt = closest(key, known, SURE) is not None and not is_others(word)
    meant = None if misspelt or full_key.startswith("hydra.") else hint(word, whole, folders)
    return f"{said}; {meant or nearest(key, known)}"


def typed(full_key: str, words: Sequence[str]) -> Typed:
    """The word that sets a key that there is not; of wandb.project the whole, though wandb is what there is not."""
    for word in words:
        key, _, value = word.lstrip("+~").partition("=")
        if key == full_key or key.startswith(f"{full_key}."):
            return Typed(key, value)
    return Typed(full_key, "...")
