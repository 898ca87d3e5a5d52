"""The commands that tests type most: runs of seconds."""

from __future__ import annotations

SIDE = 16  # of the images, in pixels
TINY = (
    "teacher=resnet8", "student=resnet8", "dataset=shapes", "dataset.train_count=48", "dataset.test_count=48",
    f"dataset.side={SIDE}", "recipe=smoke", "recipe.batch=16", "teacher_recipe.batch=16", "logger=none",
)  # fmt: skip
SHORT = (*TINY, "runtime.device=cpu", "runtime.checkpoint_every=1")
MIRRORED = tuple(word for word in TINY if word != "logger=none")  # the same beside W&B
