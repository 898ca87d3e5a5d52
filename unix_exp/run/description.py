"""What one has to know to use a trained student: it is in the metadata of its file, and beside it in student.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from unix_exp.data.preprocessing import Preprocessing
from unix_exp.models.own_input import Normalised
from unix_exp.run.foreign import parsed
from unix_exp.types import Mistake

KEY = "unix_exp"  # of the metadata; one key, because the order of several would change from file to file
FORMAT = 1


@dataclass(frozen=True)
class Description:
    """A network, what it was trained to tell apart, and how its images are prepared."""

    architecture: dict[str, Any]  # the settings that build it, its name among them
    classes: tuple[str, ...]
    preprocessing: Preprocessing | None  # None where the data set has no files
    accuracy: dict[str, float] = field(default_factory=dict)  # in per cent
    licences: dict[str, str] = field(default_factory=dict)  # of weights that it began with or was taught by, if known
    run: str | None = None  # the folder's name
    method: str | None = None
    dataset: str | None = None
    version: str | None = None  # of this package

    @property
    def normalised(self) -> Normalised | None:
        return None if self.preprocessing is None else Normalised(self.preprocessing.mean, self.preprocessing.std)

    def values(self) -> dict[str, Any]:
        """As it is written."""
        found = asdict(self) | {"format": FORMAT, "classes": list(self.classes)}
        found["preprocessing"] = None if self.preprocessing is None else self.preprocessing._asdict()
        return dict(json.loads(json.dumps(found)))

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Description:
        """As it was written; ValueError or TypeError where it is not whole."""
        own = {key: value for key, value in kept.items() if key in cls.__dataclass_fields__}
        plain = own.get("preprocessing")
        classes, architecture = own["classes"], own["architecture"]
        if not isinstance(classes, list) or not all(isinstance(one, str) for one in classes) or not classes:
            raise ValueError("its classes are no names")
        if not isinstance(architecture, dict) or not isinstance(architecture.get("name"), str):
            raise ValueError("it names no architecture")
        accuracy, licences = own.get("accuracy", {}), own.get("licences", {})
        if not isinstance(accuracy, dict) or not all(isinstance(one, (int, float)) for one in accuracy.values()):
            raise ValueError("its accuracy is no number")
        if not isinstance(licences, dict) or not all(isinstance(one, str) for one in licences.values()):
            raise ValueError("its licences are no names")
        prepared = None if plain is None else Preprocessing.of(plain)
        return cls(**own | {"classes": tuple(classes), "preprocessing": prepared})

    def metadata(self) -> dict[str, str]:
        return {KEY: json.dumps(self.values(), sort_keys=True)}


def described(file: Path) -> Description | None:
    """The description in a file of weights; None where it has none, such as files of other programs."""
    if file.suffix != ".safetensors":
        return None
    try:
        with safe_open(file, "pt") as opened:
            text = (opened.metadata() or {}).get(KEY)
        return None if text is None else Description.of(parsed(text))
    except (SafetensorError, OSError):
        return None  # reading the weights says what is wrong with the file
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Mistake(f"the metadata of {file} is damaged ({error}); give a whole file") from None
