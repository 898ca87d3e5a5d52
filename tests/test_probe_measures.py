"""Probes of robustness, calibration and features: what they measure, on networks whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from assembled import Noise, Tiny
from common import TINY, Command, only
from torch import Tensor, nn

from unix_exp.probes import __main__ as command_line
from unix_exp.probes.calibration import expected_error, reliability
from unix_exp.probes.features import principal, within
from unix_exp.probes.robustness import fgsm, pgd
from unix_exp.registry import probes
from unix_exp.types import Mistake, Output


@pytest.fixture
def data() -> Noise:
    made = Noise()
    made.load("cpu")
    return made


@pytest.fixture
def fitted(data: Noise) -> Tiny:
    """A network that knows most of the test images, so that there is something to lose."""
    torch.manual_seed(0)
    network = Tiny(8)
    ((images, labels),) = data.test_batches(16)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images).logits, labels).backward()
        optimiser.step()
    return network.eval()


def levels(network: nn.Module, pixels: Tensor) -> Tensor:
    """A network of Noise's images as a function of levels from 0 to 255."""
    logits: Tensor = network((pixels - 127.5) / 63.75).logits
    return logits


def attacked(data: Noise) -> tuple[Tensor, Tensor]:
    return data.test_pixels.permute(0, 3, 1, 2).float(), data.test_labels


def robustness(network: nn.Module, data: Noise, **settings: Any) -> dict[str, Any]:
    return dict(probes.make("robustness", settings)({"student": network}, data))


def test_fgsm_moves_every_pixel_by_eps_and_none_out_of_its_range(fitted: Tiny, data: Noise) -> None:
    pixels, labels = attacked(data)
    for eps in (1.0, 8.0):
        changed = fgsm(lambda given: levels(fitted, given), pixels, labels, eps)
        moved = (changed - pixels).abs()
        inside = (pixels >= eps) & (pixels <= 255 - eps)
        assert torch.equal(moved.amax(), torch.tensor(eps))
        assert ((moved == eps) | (moved == 0))[inside].all() and (moved == eps)[inside].float().mean() > 0.95
        assert changed.min() >= 0 and changed.max() <= 255


def test_attacks_lower_the_accuracy_and_pgd_more_than_fgsm(fitted: Tiny, data: Noise) -> None:
    found = robustness(fitted, data, eps=[2.0, 50.0])
    assert found["clean"] > 80
    assert found["clean"] > found["fgsm_eps50"] >= found["pgd_eps50"]
    assert found["fgsm_eps2"] >= found["fgsm_eps50"]
    drawn = found["accuracy"]["series"]["PGD"]
    assert drawn == [[0, 2, 50], [found["clean"], found["pgd_eps2"], found["pgd_eps50"]]]


def test_pgd_of_one_full_step_without_a_random_start_is_fgsm(fitted: Tiny, data: Noise) -> None:
    pixels, labels = attacked(data)

    def model(given: Tensor) -> Tensor:
        return levels(fitted, given)

    one = pgd(model, pixels, labels, 4.0, size=4.0, steps=1, start=pixels)
    assert torch.equal(one, fgsm(model, pixels, labels, 4.0))
    found = robustness(fitted, data, eps=[4.0], steps=1, step=4.0, random_start=False)
    assert found["pgd_eps4"] == found["fgsm_eps4"]


def test_pgd_stays_within_eps_from_a_random_start_and_repeats_itself(fitted: Tiny, data: Noise) -> None:
    pixels, labels = attacked(data)
    start = (pixels + 4 * (2 * torch.rand(pixels.shape) - 1)).clamp(0, 255)
    changed = pgd(lambda given: levels(fitted, given), pixels, labels, 4.0, size=3.0, steps=5, start=start)
    assert (changed - pixels).abs().max() <= 4
    assert robustness(fitted, data, eps=[4.0]) == robustness(fitted, data, eps=[4.0])


def test_the_gradient_is_that_of_the_images_and_leaves_the_network_alone(fitted: Tiny, data: Noise) -> None:
    before = {name: value.clone() for name, value in fitted.state_dict().items()}
    robustness(fitted, data, eps=[4.0], batch=5, images=10)
    assert all(torch.equal(value, before[name]) for name, value in fitted.state_dict().items())
    assert all(weight.grad is None or not weight.requires_grad for weight in fitted.parameters())


def test_the_expected_calibration_error_of_a_toy_is_known() -> None:
    """Four images at 0.9 of which two are right, one at 0.55 that is right: (4 * 0.4 + 1 * 0.45) / 5."""
    confidence, right = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.55]), torch.tensor([1.0, 1.0, 0.0, 0.0, 1.0])
    bins = reliability(confidence, right, 10)
    assert expected_error(bins) == pytest.approx(0.41, abs=1e-6)
    assert [(number, one.images) for number, one in enumerate(bins) if one.images] == [(5, 1), (8, 4)]
    assert sum(one.images for one in reliability(torch.rand(100), torch.ones(100), 15)) == 100


class Sure(nn.Module):
    """Says class 0 of every image, at a confidence of 0.75."""

    def forward(self, images: Tensor) -> Output:
        logits = torch.full((len(images), 10), 0.25 / 9).log()
        logits[:, 0] = torch.tensor(0.75).log()
        return Output(logits, (logits,), logits)


def test_calibration_compares_confidence_with_accuracy(data: Noise) -> None:
    found = probes.make("calibration", {})({"student": Sure()}, data)
    share = float((data.test_labels == 0).float().mean())
    assert found["top1"] == pytest.approx(100 * share)
    assert found["confidence"] == pytest.approx(75, abs=1e-3)
    assert found["ece"] == pytest.approx(100 * (0.75 - share), abs=1e-3)
    xs, ys = found["reliability"]["series"]["student"]
    assert xs == [pytest.approx(75, abs=1e-3)] and ys == [pytest.approx(100 * share)]
    assert found["reliability"]["series"]["share of the images"][1] == [100]


def test_the_principal_axes_are_those_of_most_variance() -> None:
    along = torch.tensor([3.0, 4.0, 0.0]).double() / 5
    embedding = torch.outer(torch.linspace(-2, 2, 9).double(), along) + 7
    placed, explained = principal(embedding)
    assert explained == pytest.approx(1)
    torch.testing.assert_close(placed[:, 0], torch.linspace(-2, 2, 9).double())
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1])
    assert 0 < within(embedding, labels) < 0.5
    assert within(embedding, torch.arange(9)) == 0


def test_features_are_of_the_chosen_classes(data: Noise) -> None:
    found = probes.make("features", {"classes": ["c", "a"], "images": 1})({"student": Tiny(4).eval()}, data)
    assert list(found["embedding"]["series"]) == ["c", "a"] and found["images"] == 2
    with pytest.raises(Mistake, match=r"^the data set has no class 'aa'; did you mean 'a'\?"):
        probes.make("features", {"classes": ["aa", "b"]})({"student": Tiny(4)}, data)


@pytest.mark.parametrize(
    ("name", "settings", "what"),
    [
        ("robustness", {"eps": [0.0]}, "probe.eps is"),
        ("robustness", {"steps": 0}, "probe.steps is 0"),
        ("robustness", {"step": -1.0}, "probe.step is -1.0"),
        ("calibration", {"bins": 0}, "probe.bins is 0"),
        ("features", {"classes": ["a"]}, "probe.classes is"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_line(name: str, settings: dict[str, Any], what: str) -> None:
    with pytest.raises(Mistake, match=f"^{what}"):
        probes.make(name, settings)


@pytest.fixture
def probed(command: Command, typed: Any) -> Path:
    assert command(*TINY, "student=resnet8").code == 0
    run = only(Path("runs"))
    ask = typed(command_line.main)
    for name in ("robustness", "calibration", "features"):
        words = ["eps=[2]", "images=16"] if name == "robustness" else []
        said = ask(str(run), name, *words)
        assert said.code == 0, said.err
        assert said.lines[-1] == f"figures: python -m unix_exp.report {run}"
    return run


def test_the_report_shows_what_probes_found(probed: Path, typed: Any) -> None:
    from unix_exp.report.__main__ import main

    found = json.loads((probed / "probes/robustness.json").read_text())["found"]
    (probed / "probes/broken.json").write_text("{")
    report = typed(main)
    said = report("runs")
    assert said.code == 0, said.err
    page = Path("report/report.md").read_text()
    assert "Probes that cannot be read" in page and "broken.json" in page
    assert "Settings: eps [2], steps 10, random_start True, seed 0, images 16, batch 250." in page.replace("\\", "")
    assert "fgsm: one step of eps along the sign of the gradient" in page
    table = Path("report/tables/probe-robustness.csv").read_text().splitlines()
    assert table[0] == "group,run,clean,fgsm_eps2,pgd_eps2"
    assert table[1].endswith(f",{found['clean']:.2f},{found['fgsm_eps2']:.2f},{found['pgd_eps2']:.2f}")
    drawn = {path.name.rsplit("-", 1)[0] for path in Path("report/figures").glob("probe-*.svg")}
    assert drawn == {"probe-robustness-accuracy", "probe-calibration-reliability", "probe-features-embedding"}
