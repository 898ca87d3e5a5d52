"""The rows of the bench: their names in the JSON, which kept states have too, and what each is."""

from __future__ import annotations

from unix_exp.engine import analysis

FLOOR, OURS, DATA, LOOK = "floor", "ours", "data", "look"
CONVENTIONAL = "conventional"
PLAIN, PLAIN_WORKERS = "plain", "plain_workers"

ABOUT = {
    FLOOR: "the networks alone, on as many images",
    OURS: "our whole step with its data",
    DATA: "the next batch alone",
    LOOK: f"the analysis of a batch, once in {analysis.EVERY} steps",
    CONVENTIONAL: "our whole step of conventional KD",
    PLAIN: "the loop that people write",
    PLAIN_WORKERS: "the same, with worker processes that load",
}
