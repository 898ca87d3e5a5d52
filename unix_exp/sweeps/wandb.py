"""A sweep file as a W&B sweep, which agents on many machines share."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from unix_exp.sweeps.grid import Sweep, values


def wandb_sweep(sweep: Sweep, words: tuple[str, ...], project: str, flags: Sequence[str] = ()) -> str:
    """Its YAML; every agent runs `python -m unix_exp.train` with one point of the grid."""
    varied = {
        key: found for key, found in values([*sweep.words, *words]).items() if key in sweep.parameters or len(found) > 1
    }
    # An agent writes a value as Python does, and Hydra would take None for a text.
    dealt = {key: {"values": ["null" if one is None else one for one in found]} for key, found in varied.items()}
    one_job = [word for word in words if word.split("=", 1)[0] not in varied]
    described = {
        "name": sweep.name,
        "description": sweep.about,
        "project": project,
        "method": "grid",
        "metric": {"name": "test/top1", "goal": "maximize"},
        "program": "unix_exp.train",
        "command": [
            "${env}", "${interpreter}", "-m", "${program}", *flags,
            f"sweep={sweep.name}", "hydra.mode=RUN", *one_job, "${args_no_hyphens}",
        ],
        "parameters": dealt,
    }  # fmt: skip
    head = (
        f"# {sweep.about}\n# wandb sweep FILE, once; then on every machine: wandb agent ENTITY/{project}/SWEEP\n"
        "# A run that is finished in the runs/ of its machine is not repeated.\n"
    )
    return head + str(yaml.safe_dump(described, sort_keys=False, width=120))
