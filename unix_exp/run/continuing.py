"""What a checkpoint holds of a training, and a training brought back to it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from unix_exp.engine import stages as sequence
from unix_exp.engine.epoch import Part
from unix_exp.engine.loop import Progress, Training
from unix_exp.engine.optimiser_state import load_optimiser_state, optimiser_state
from unix_exp.engine.validation import check_kept
from unix_exp.run.checkpoint import SEALED, previous, read_state
from unix_exp.run.folder import RunFolder
from unix_exp.run.history import History
from unix_exp.run.shapes import finite
from unix_exp.types import Mistake

FORMATS = (2, SEALED)  # of a checkpoint; 1 held student, criteria and optimiser alone, 2 no hash and no begun epoch


def kept_state(folder: RunFolder, history: History, say: Callable[[str], None]) -> dict[str, Any] | None:
    """The checkpoint's content, where there is one; the records are brought to what it knows of them."""
    if not (folder.checkpoint.exists() or previous(folder.checkpoint).exists()):
        history.restore(None, 0, say)
        return None
    state = whole_state(folder, say)
    history.restore(state.get("history"), state["progress"]["epoch"], say)
    return state


def whole_state(folder: RunFolder, say: Callable[[str], None]) -> dict[str, Any]:
    """The content of the checkpoint, or of the one before it where the last one is damaged."""
    before = previous(folder.checkpoint)
    try:
        return checked_state(folder, folder.checkpoint)
    except Mistake as damage:
        try:
            state = checked_state(folder, before)
        except Mistake:
            files = " and ".join(str(path) for path in (folder.checkpoint, before) if path.exists())
            raise Mistake(f"{damage}; delete {files} to begin this run again") from None
        say(f"{damage}; continuing from the checkpoint before it, {before.name}")
        before.replace(folder.checkpoint)  # else the damaged one would become the one before the next
        return state


def checked_state(folder: RunFolder, path: Path) -> dict[str, Any]:
    state: dict[str, Any] = read_state(path)
    progress = state.get("progress") if isinstance(state, dict) else None
    if not isinstance(progress, dict) or "epoch" not in progress or state.get("format") not in FORMATS:
        raise Mistake(f"checkpoint {path} was written by another version of unix_exp and cannot be continued")
    if state.get("identity", folder.identity) != folder.identity:
        raise Mistake(f"checkpoint {path} is of another run, {str(state['identity'])[:12]!a}")
    return state


def load_state(run: Training, state: dict[str, Any], folder: RunFolder) -> None:
    try:
        run.progress, run.part = progress_of(state["progress"], run.epochs), part_of(state.get("part"))
        run.method.load_state(state["method"])
        check_kept(kept := state.get("kept", {}), run)
        run.kept = kept
        if run.progress.epoch < run.epochs:
            stage, _ = sequence.begins_in(run.stages, run.progress.epoch)
            if stage.name == state["stage"]:  # else it begins now, with a fresh optimiser
                load_optimiser_state(run.stage_step(stage).optimiser, state["optimiser"])
        if run.part is not None:
            check_sampler(run.part.sampler, run)
        if run.analysis is not None:
            if "analysis" in state:
                run.analysis.load_state(state["analysis"])
            if run.part is not None:
                run.analysis.load_part(run.part.analysis)
    except (Mistake, KeyError, TypeError, RuntimeError, ValueError, AttributeError) as error:
        why = " ".join(str(error).split())  # PyTorch lists what does not fit in lines
        raise Mistake(f"{why}; delete {folder.checkpoint} to begin this run again") from None


def progress_of(kept: Mapping[str, Any], epochs: int) -> Progress:
    """What a wrong kind or number would spoil only later, at the end of an epoch, is found here."""
    found = Progress(**kept)
    whole = [found.epoch, found.images, *found.steps.values()]
    numbers = [*whole, found.seconds, *found.best.values(), *found.last.values()]
    if not all(type(one) is int for one in whole) or not all(finite(one) and one >= 0 for one in numbers):
        raise ValueError("its progress is not in numbers")
    if any(one and not {"epoch", "top1"} <= one.keys() for one in (found.best, found.last)):
        raise ValueError("its accuracies are not whole")
    if found.epoch > epochs:
        raise ValueError(f"it has done {found.epoch} epochs of {epochs}")
    return found


def part_of(kept: Mapping[str, Any] | None) -> Part | None:
    if kept is None:
        return None
    found = Part(**kept)
    tensors = [*found.sums.values(), *found.randomness.values()]
    if type(found.steps) is not int or found.steps < 1 or not all(isinstance(one, Tensor) for one in tensors):
        raise ValueError("what it holds of a begun epoch is not whole")
    of_cpu = found.randomness.get("cpu")
    if of_cpu is None or of_cpu.dtype != torch.uint8 or of_cpu.shape != torch.get_rng_state().shape:
        raise ValueError("what it holds of a begun epoch is not whole")
    if any(one.numel() != 1 for one in found.sums.values()) or not (finite(found.seconds) and finite(found.waited)):
        raise ValueError("what it holds of a begun epoch is not whole")
    return found


def check_sampler(kept: dict[str, Any] | None, run: Training) -> None:
    """The state that a sampler chose by is loaded when the epoch goes on: what would fail then, fails here."""
    if kept is None:
        return
    if not isinstance(run.method.sampler, nn.Module):
        raise ValueError("it holds the state of a sampler that has none")
    copy.deepcopy(run.method.sampler).load_state_dict(kept)


def state_of(run: Training) -> dict[str, Any]:
    """All that the rest of the run depends on; between epochs randomness is a function of seed and epoch."""
    assert run.step is not None
    return {
        "format": SEALED,
        "progress": run.progress.state(),
        "method": run.method.state(),
        **({"kept": run.kept} if run.kept else {}),
        "stage": run.step.stage,
        "optimiser": optimiser_state(run.step.optimiser),
        "part": vars(run.part) if run.part is not None else None,
        **({"analysis": run.analysis.state()} if run.analysis is not None else {}),
    }
