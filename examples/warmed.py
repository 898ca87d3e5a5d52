"""A method with two stages and a head: match the teacher's embedding first, then weight each image by how well it fits.

python -m unix_exp.train plugins=examples/warmed.py distiller=warmed distiller.more_epochs=10
"""

from torch import nn

from unix_exp.criteria.weighted import mean_over_images
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers
from unix_exp.types import Batch, Facts, Losses, Stage


@distillers.register("warmed")
class Warmed(Distiller):
    """A linear head brings the student's embedding to the teacher's width; the second stage trusts near images more."""

    def __init__(self, parts: Parts, facts: Facts, more_epochs: int = 1, beta: float = 1.0) -> None:
        super().__init__(parts)
        widths = [facts.shapes[role].embedding.shape[1] for role in ("student", "teacher")]
        self.head, self.more_epochs, self.beta = nn.Linear(*widths), more_epochs, beta
        self.train()

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        second = recipe.but(epochs=self.more_epochs, lr=recipe.lr / 100, milestones=[], schedule="steps")
        return Stage("warm up", recipe), Stage("weighted", second)

    def forward(self, batch: Batch, stage: str = "warm up") -> Losses:
        batch = self.sampler(batch, self.look)
        teacher, student = self.ask(batch), self.study(batch)
        apart = (self.head(student.embedding).float() - teacher.embedding.float()).square().mean(dim=1)
        trust = (-apart.detach()).exp() if stage == "weighted" else apart.detach().new_ones(len(apart))
        terms = {
            **self.criterion(student, teacher, batch),
            "match": self.beta * mean_over_images("match", trust * apart, batch),
        }
        return Losses(terms, batch.index, values={"trust": trust.mean()}, per_image={"trust": trust})
