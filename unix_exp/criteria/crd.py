from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.criteria.crd_negatives import From, Negatives
from unix_exp.criteria.embeddings import both, heads, unit
from unix_exp.criteria.logits import Temperature
from unix_exp.ranges import Range, Share
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Output

EPS = 1e-7
LARGER = 4  # up to so many times the rows that are compared, all rows of a memory are multiplied


@criteria.register("crd")
class CRD(nn.Module):
    """Contrastive distillation: tell an image from `nce_k` others by what the other network said of them.

    Each network's embedding goes through a trained linear layer to unit length, and meets what a memory of all training
    images holds of the other network: of the image itself and of `nce_k` others. The memories follow with `momentum`.
    A mixed image stands for the one whose index it carries (Tian, Krishnan and Isola 2020, arXiv 1910.10699).
    """

    needs_teacher = True

    memory_student: Tensor  # [M, feat_dim], of every training image
    memory_teacher: Tensor
    log_z_student: Tensor  # log of what a student's similarities are divided by; infinite until the first batch
    log_z_teacher: Tensor

    def __init__(
        self,
        facts: Facts,
        feat_dim: Annotated[int, Range(1, 100_000), "width of the trained layer behind either embedding"] = 128,
        nce_k: Annotated[int, Range(1, 1_000_000), "how many other images an image is told from"] = 16384,
        nce_t: Annotated[Temperature, "the temperature that similarities are divided by"] = 0.07,
        momentum: Annotated[Share, "how much of what the memory held of an image is kept when it comes again"] = 0.5,
        negatives: From = "other_classes",
    ) -> None:
        super().__init__()
        self.nce_t, self.momentum = nce_t, momentum
        self.embed_student, self.embed_teacher = heads("crd", facts, feat_dim)
        self.negatives = Negatives(facts, nce_k, negatives)
        for who in ("student", "teacher"):
            drawn = torch.empty(facts.train_count, feat_dim).uniform_(-1, 1) * math.sqrt(3 / feat_dim)  # length about 1
            self.register_buffer(f"memory_{who}", drawn)
            self.register_buffer(f"log_z_{who}", torch.tensor(math.inf))

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        compared = torch.cat([batch.index.unsqueeze(1), self.negatives(batch)], dim=1)
        return self.contrast(student, teacher, compared)

    def contrast(self, student: Output, teacher: Output, compared: Tensor) -> Tensor:
        """[N], of images and those that they are told from, [N, 1 + K] positions in the training set, the own first."""
        mine, theirs = both(student, teacher)
        mine, theirs = unit(self.embed_student(mine)), unit(self.embed_teacher(theirs))
        of_student = similarity(mine, self.memory_teacher, compared) / self.nce_t
        of_teacher = similarity(theirs, self.memory_student, compared) / self.nce_t
        size = len(self.memory_student)
        loss = told_apart(of_student - kept(self.log_z_student, of_student, size), size)
        loss = loss + told_apart(of_teacher - kept(self.log_z_teacher, of_teacher, size), size)
        self.remember(self.memory_student, compared[:, 0], mine)
        self.remember(self.memory_teacher, compared[:, 0], theirs)
        return loss

    @torch.no_grad()
    def remember(self, memory: Tensor, index: Tensor, seen: Tensor) -> None:
        memory.index_copy_(0, index, unit(self.momentum * memory[index] + (1 - self.momentum) * seen))


def similarity(anchors: Tensor, memory: Tensor, compared: Tensor) -> Tensor:
    """[N, 1 + K], the products of each anchor with its rows of the memory."""
    if len(memory) <= LARGER * compared.shape[1]:
        # All products, and a choice of them: more multiply-adds, but far less time and room than copies of the rows, a
        # gigabyte a step on CIFAR. Of a copy, because the memory is written to before the backward pass reads it.
        return (anchors @ memory.clone().T).gather(1, compared)
    return (memory[compared] @ anchors.unsqueeze(2)).squeeze(2)


@torch.no_grad()
def kept(log_z: Tensor, scaled: Tensor, size: int) -> Tensor:
    """What the first batch has set: the log of the mean of exp(scaled), times the size of the training set."""
    first = torch.logsumexp(scaled.flatten(), 0) - math.log(scaled.numel()) + math.log(size)
    return log_z.copy_(torch.where(log_z.isinf(), first, log_z))


def told_apart(log_x: Tensor, size: int) -> Tensor:
    """[N], -log(x_0 / (x_0 + c + eps)) - the sum over the others of log(c / (x_k + c + eps)), c = K / size.

    In logarithms, so that no similarity over a low temperature overflows.
    """
    noise = (log_x.shape[1] - 1) / size
    own = F.softplus(math.log(noise + EPS) - log_x[:, 0])
    shifted = torch.logaddexp(log_x[:, 1:], log_x.new_full((), math.log(EPS)))
    return own + F.softplus(shifted - math.log(noise)).sum(dim=1)
