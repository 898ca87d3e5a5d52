"""A folder of JPEG files to try things on: drawn shapes, ten classes of them or the fourteen others.

python examples/deploy/draw.py deploy/photos --each 60
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from unix_exp.data.shapes import FIGURES, draw

EVERY = len(FIGURES)
TEN = (0, 2, 4, 6, 8, 10, 12, 14, 16, 20)  # positions among all classes; no two of them are hard to tell apart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="is made, with a folder for each class in it")
    parser.add_argument("--each", type=int, default=60, help="images of each class")
    parser.add_argument("--size", type=int, default=64, help="side in pixels")
    parser.add_argument("--others", action="store_true", help="the fourteen other classes")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    names = list(FIGURES)
    images = draw(asked.each * EVERY, asked.seed, asked.size)
    for number, (pixels, label) in enumerate(zip(images.pixels, images.labels.tolist(), strict=True)):
        if (label in TEN) is asked.others:
            continue
        path = asked.folder / names[label].replace(" ", "-") / f"{number // EVERY:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.numpy()).save(path, quality=90)
    print(f"{asked.folder}: {asked.each} images of each class")


if __name__ == "__main__":
    main()
