"""Settings of selectors that reach further than the sampler: weights of the loss, and the holdout network's images."""

from __future__ import annotations

from typing import Any

import pytest
from common import TINY

from unix_exp import config
from unix_exp.config import compose
from unix_exp.run.plan import locate
from unix_exp.types import Mistake


def composed(*words: str) -> Any:
    compose.prepare(words)
    with compose.hydra_ready():
        return compose.composed((*TINY, *words)).copy()


def settings_of(*words: str) -> Any:
    return config.resolve(composed(*words))


def test_the_weight_of_distillation_follows_the_share_of_a_subset() -> None:
    for share, labels in ((1.0, 0.1), (0.5, 0.05), (0.3, 0.03)):
        criterion = settings_of("experiment=subset", f"sampler.share={share}")["criterion"]
        assert criterion["kd"]["weight"] == 1 - labels and criterion["ce"]["weight"] == labels
    assert settings_of("experiment=subset", "criterion.ce.weight=0.25")["criterion"]["kd"]["weight"] == 0.75


def test_rho_s_holdout_network_is_trained_on_what_is_held_out() -> None:
    words = ("experiment=rho", "sampler.held_out=0.25", "sampler.seed=4")
    located, other = locate(composed(*words)), locate(composed(*words, "sampler@teacher_sampler=mixup"))
    networks: dict[str, Any] = {network.role: network.source for network in located.networks}
    assert networks["holdout"].recipe.sampler == {"name": "subset", "share": 0.25, "seed": 4}
    assert networks["teacher"].recipe.sampler == {"name": "everything"}
    assert networks["holdout"].identity == {one.role: one.source for one in other.networks}["holdout"].identity
    smaller: Any = locate(composed(*words, "+model@networks.holdout=resnet14")).networks[-1].source
    assert smaller.recipe.student.name == "resnet14" and smaller.recipe.sampler == networks["holdout"].recipe.sampler


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("+teacher.sampler.name=subset", r"^teacher\.sampler .*; choose sampler@teacher_sampler=NAME$"),
        ("+student.sampler.name=subset", r"^student\.sampler is no setting of a student; choose sampler=NAME$"),
    ],
)
def test_images_for_a_network_that_is_not_trained_on_them_are_refused(word: str, complaint: str) -> None:
    whole = composed("experiment=rho", word)
    with pytest.raises(Mistake, match=complaint):
        locate(whole)
