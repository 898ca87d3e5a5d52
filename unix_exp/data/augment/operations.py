"""The operations of RandAugment and TrivialAugment on a whole batch, in which each image has its own.

Each does what torchvision's kernels do to one image at a time (transforms/v2/_auto_augment.py). Those take the amount
as a number, and wait for the device where they copy a small tensor to it; here images with the same operation are
changed together, whatever the amount of each. No sum or product is fused with another, so an image comes out the same
in any batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.data.augment.moving import MOVES, moved

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]  # images [N, 3, H, W] uint8; kinds and amounts [N] on the CPU


def operated(images: Tensor, drawn: Tensor) -> Tensor:
    """Images [N, 3, H, W] uint8 after the operations that were drawn: [N, steps, 2] on the CPU, kind and amount."""
    for kinds, amounts in zip(drawn[:, :, 0].long().unbind(1), drawn[:, :, 1].unbind(1), strict=True):
        images = once(images, kinds, amounts)
    return images


def once(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    groups = GROUPS[kinds]
    order = groups.argsort(stable=True)
    counts = torch.bincount(groups, minlength=len(KERNELS)).tolist()  # on the CPU, like all that decides anything here
    sorted_images = images[on(images, order)].split(counts)
    rows = zip(sorted_images, kinds[order].split(counts), amounts[order].split(counts), KERNELS, strict=True)
    changed = [kernel(some, *drawn) for some, *drawn, kernel in rows if len(some)]
    return torch.cat(changed)[on(images, order.argsort())]


def on(images: Tensor, numbers: Tensor) -> Tensor:
    """Numbers from the CPU where the images are, without waiting."""
    return numbers.to(images.device, non_blocking=True)


def by_image(images: Tensor, numbers: Tensor) -> Tensor:
    return on(images, numbers.float()).view(-1, 1, 1, 1)


def unchanged(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    return images


def brightened(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    return images.mul(by_image(images, 1 + amounts)).clamp_(0, 255).byte()


def coloured(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    return blended(images, grey(images), amounts)


def contrasted(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    return blended(images, grey(images).mean(dim=(1, 2, 3), keepdim=True), amounts)


def sharpened(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    pixels = images.float()
    inner = pixels[:, :, 1:-1, 1:-1]
    # The mean of nine pixels, of which the middle one counts five times.
    smooth = F.avg_pool2d(pixels, 3, 1, divisor_override=1).add_(inner * 4).div_(13).round_()
    made = images.clone()  # whose border stays as it is
    made[:, :, 1:-1, 1:-1] = blended(inner, smooth, amounts)
    return made


def posterized(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    mask = 256 - 2 ** (8 - amounts.long())
    return images & on(images, mask.byte()).view(-1, 1, 1, 1)


def solarized(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    return torch.where(images >= by_image(images, 255 * amounts), ~images, images)


def autocontrasted(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    from torchvision.transforms.v2 import functional  # here: it takes a second, which other augmentations save

    changed: Tensor = functional.autocontrast(images)
    return changed


def equalized(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    from torchvision.transforms.v2 import functional

    changed: Tensor = functional.equalize(images)
    return changed


def grey(images: Tensor) -> Tensor:
    red, green, blue = images.unbind(1)
    return red.mul(0.2989).add_(green.mul(0.587)).add_(blue.mul(0.114)).floor_().unsqueeze(1)


def blended(images: Tensor, others: Tensor, amounts: Tensor) -> Tensor:
    """Further from others than they are, or nearer."""
    further = others.sub(images).mul_(by_image(images, -amounts))
    return further.add_(images).clamp_(0, 255).byte()


BY_NAME: dict[str, Kernel] = {
    "identity": unchanged,
    **dict.fromkeys(MOVES, moved),
    "brightness": brightened,
    "color": coloured,
    "contrast": contrasted,
    "sharpness": sharpened,
    "posterize": posterized,
    "solarize": solarized,
    "autocontrast": autocontrasted,
    "equalize": equalized,
}
NAMES = tuple(BY_NAME)  # an operation's number is its place here
KERNELS = list(dict.fromkeys(BY_NAME.values()))
GROUPS = torch.tensor([KERNELS.index(kernel) for kernel in BY_NAME.values()])  # by operation
