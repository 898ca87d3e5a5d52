"""A finished run's networks, given back from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from unix_exp import config
from unix_exp.models.logits import Logits
from unix_exp.models.published import filled_elsewhere
from unix_exp.registry import models
from unix_exp.run.checkpoint import Differences, content_hash, load_weights, weights_in
from unix_exp.run.description import described
from unix_exp.run.extending import EXTENDED, built_again
from unix_exp.run.foreign import beside, json_of
from unix_exp.run.networks import STUDENT, chosen_for
from unix_exp.run.seal import verify
from unix_exp.run.sources import checkpoint_path
from unix_exp.types import Mistake
from unix_exp.words import nearest


def load(run: str | Path, role: str = STUDENT, logits: bool = False) -> nn.Module:
    """A network of a finished run in eval mode, by role: "student", or "teacher" where its file still is.

    Its `classes` are the names in the order of the logits, and `preprocess` makes its input of an image or a file; both
    are None for runs of earlier versions.
    """
    path = Path(run).expanduser()
    result = read_result(path)
    settings = result["settings"]
    if plugins := settings.get("plugins"):
        from unix_exp.config.plugins import load as load_plugins

        load_plugins(plugins)
    file, chosen = (path / "student.safetensors", settings[STUDENT]) if role == STUDENT else other(path, result, role)
    if not file.is_file():
        raise Mistake(f"{file} does not exist; the run's folder is not whole")
    own = described(file)
    if role == STUDENT and own is not None and EXTENDED in own.architecture:
        chosen = {**chosen, EXTENDED: own.architecture[EXTENDED]}
    network = built(chosen, role, result.get("classes") or classes_in(file, built(chosen, role, 1)))
    load_weights(network, file, config.network_name(chosen))
    recorded = (
        result.get("weights") if role == STUDENT else ((result.get("networks") or {}).get(role) or {}).get("hash")
    )
    if recorded not in (None, content_hash(file)):
        raise Mistake(f"{file} is not the {role} of {path} any more; its content has changed since the run")
    made = Logits(network) if logits else network
    setattr(made, "classes", own.classes if own is not None else None)  # noqa: B010
    setattr(made, "preprocess", own.preprocessing if own is not None else None)  # noqa: B010
    # A student of an earlier version saw the data's normalisation, whatever weights it began with.
    setattr(made, "own_input", None if role == STUDENT else getattr(network, "own_input", None))  # noqa: B010
    return made.eval()


def built(chosen: config.Settings, role: str, classes: int) -> nn.Module:
    """The architecture, with weights that are about to be replaced."""
    own = config.without(chosen, "name", "pace", EXTENDED, *config.OF_WEIGHTS)
    if role == STUDENT and "pretrained" in own:
        own["pretrained"] = False  # its file says how it sees images, and code of one's own need not fetch anything
    with filled_elsewhere():
        made: nn.Module = models.make(chosen["name"], own, role=role, num_classes=classes)
    return built_again(made, chosen[EXTENDED], classes) if EXTENDED in chosen else made


def read_result(path: Path) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json_of(path / "result.json")
        result["settings"][STUDENT]["name"]
        verify(result)
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_dir():
            raise Mistake(f"there is no run folder {path}{beside(path)}") from None
        raise Mistake(
            f"{path} is not a finished run: it has no result.json; the command that began it, typed again, continues it"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Mistake(f"{path / 'result.json'} is damaged: {type(error).__name__} {error}") from None
    return result


def other(path: Path, result: dict[str, Any], role: str) -> tuple[Path, config.Settings]:
    """The file of a network that a run used and did not train."""
    known = result.get("networks") or ({"teacher": result["teacher"]} if result.get("teacher") else {})
    if role not in known:
        raise Mistake(f"{path} has no network '{role}'; {nearest(role, [STUDENT, *known])}")
    settings, found = result["settings"], known[role]
    chosen = chosen_for(settings, role)
    source, name = found.get("source"), f"the {role} of {path}"
    if source == "FromFile":
        return checkpoint_path(chosen["checkpoint"], role), chosen
    if source != "FromStore":
        raise Mistake(f"{name} is in no file: it came from {source}, and only the student of this run was kept")
    stores = [Path(settings["teachers"]).expanduser(), *(above / "teachers" for above in path.resolve().parents[:3])]
    for store in stores:
        for folder in sorted(store.glob(f"*-{found['identity']}")):
            return folder / "student.safetensors", chosen
    raise Mistake(f"{name} is not in {stores[0]}/ any more; the run that trained it was *-{found['identity']}")


def classes_in(file: Path, of_one_class: nn.Module) -> int:
    """For an older run, whose record does not say: the rows of the layer in which a network of one class differs."""
    weights = weights_in(file, of_one_class)
    classifier = Differences.between(of_one_class.state_dict(), weights).classifier_alone()
    return len(weights[classifier[0]]) if classifier else 1  # where more differs, loading says what
