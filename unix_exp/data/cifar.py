"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), fetched and checked by torchvision."""

from __future__ import annotations

import os
from typing import Annotated

import torch

from unix_exp.data.augment.choice import Augment, Flip, checked
from unix_exp.data.held_out import HeldOut, SplitSeed, counted, marked
from unix_exp.data.resident import Images, Resident
from unix_exp.registry import datasets
from unix_exp.types import Mistake, Watch

CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
willow_tree wolf woman worm
"""


class Cifar(Resident):
    """60,000 images of 32x32."""

    source: str  # torchvision's name of the class
    unpacked: str  # the folder that its archive holds
    size = 32
    train_count = 50_000
    test_count = 10_000

    classes: tuple[str, ...]

    def __init__(
        self,
        root: Annotated[str, "the folder that holds its unpacked archive"] = "data",
        download: Annotated[bool, "fetch it if it is not there"] = True,
        augment: Augment = True,
        flip: Flip = True,
        val: HeldOut = 0.0,
        split_seed: SplitSeed = 0,
    ) -> None:
        self.root, self.download = os.path.expanduser(root), download
        self.augment, self.flip = checked(augment), flip
        self.val, self.split_seed = val, split_seed
        in_each = Cifar.train_count // len(self.classes)
        self.val_count = counted([in_each] * len(self.classes), val)
        self.train_count = Cifar.train_count - self.val_count
        self.folder = os.path.join(self.root, self.unpacked)
        if not download and not os.path.isdir(self.folder):
            raise Mistake(
                f"there is no '{self.folder}'; set dataset.download=true, or dataset.root to the folder that holds it"
            )

    def fingerprint(self) -> str:
        # The files' checksum is compared with the official one when they are loaded.
        return marked(self.unpacked, self.val, self.split_seed)

    def read(self, watch: Watch | None = None) -> tuple[Images, Images]:
        from torchvision import datasets as published  # here: it takes a second, which other data sets save

        try:
            source = getattr(published, self.source)
            halves = [source(self.root, train=train, download=self.download) for train in (True, False)]
        except (RuntimeError, OSError, EOFError) as error:
            raise Mistake(f"{self.source} in '{self.folder}': {self._remedy(error)}") from error
        train, test = (Images(torch.from_numpy(half.data), torch.tensor(half.targets)) for half in halves)
        return train, test

    def _remedy(self, error: Exception) -> str:
        if not self.download:
            return "files are missing or damaged; set dataset.download=true, or use dataset=folder"
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return (
            f"the download failed ({reason}); put the unpacked archive there and set dataset.download=false, "
            "or use dataset=folder"
        )


@datasets.register("cifar10")
class Cifar10(Cifar):
    """CIFAR-10."""

    source, unpacked = "CIFAR10", "cifar-10-batches-py"
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    mean = (0.4914, 0.4822, 0.4465)
    std = (0.2470, 0.2435, 0.2616)


@datasets.register("cifar100")
class Cifar100(Cifar):
    """CIFAR-100 with its fine labels."""

    source, unpacked = "CIFAR100", "cifar-100-python"
    classes = tuple(CIFAR100_CLASSES.split())
    mean = (0.5071, 0.4865, 0.4409)
    std = (0.2673, 0.2564, 0.2762)
