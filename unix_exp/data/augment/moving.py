"""Operations that move pixels: shearing, shifting and turning are one gather, with zeros from beyond the border."""

from __future__ import annotations

import torch
from torch import Tensor

MOVES = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
FIRST = 1  # the number of the first among all operations


def moved(images: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    """Images [N, 3, H, W] uint8, each sampled at the pixel that is nearest to where its own comes from."""
    count, _, height, width = images.shape
    matrix = origins(kinds - FIRST, amounts, height, width).float().to(images.device, non_blocking=True)
    row, column = (torch.arange(side, device=images.device) - (side - 1) / 2 for side in (height, width))
    # From the middle of the image; each product and sum by itself, so that no two devices or batches fuse them apart.
    across, down = (
        (column * one[:, 0, None])[:, None, :] + (row * one[:, 1, None] + one[:, 2, None])[:, :, None]
        for one in matrix.unbind(1)
    )
    across, down = (across + (width - 1) / 2).round_().long(), (down + (height - 1) / 2).round_().long()
    inside = (across >= 0) & (across < width) & (down >= 0) & (down < height)
    first = torch.arange(count, device=images.device)[:, None, None] * (height * width)
    number = torch.where(inside, first + down * width + across, 0)
    pixels = images.permute(0, 2, 3, 1).reshape(-1, 3)
    found = pixels.index_select(0, number.view(-1)).view(count, height, width, 3)
    return (found * inside[..., None]).permute(0, 3, 1, 2)


def origins(moves: Tensor, amounts: Tensor, height: int, width: int) -> Tensor:
    """Where each pixel comes from, [N, 2, 3]: across and down as a x + b y + c, from the middle of the image.

    A shear keeps the left edge or the upper one in its place, as torchvision's does.
    """
    zero, one = torch.zeros_like(amounts), torch.ones_like(amounts)
    shear_x, shear_y, shift_x, shift_y, turn = (torch.where(moves == move, amounts, zero) for move in range(len(MOVES)))
    turn = turn.deg2rad()
    across = [turn.cos(), shear_x - turn.sin(), shear_x * height / 2 - shift_x]
    down = [shear_y + turn.sin(), turn.cos() * one, shear_y * width / 2 - shift_y]
    return torch.stack([torch.stack(across, -1), torch.stack(down, -1)], dim=1)
