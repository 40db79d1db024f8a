"""Training: the data, the objective, the average, and that an interruption changes nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.catalog import RESOURCES
from engine.data import digits
from engine.models import parameterization
from engine.models.checkpoint import ModelError, load_tensors, save_tensors
from engine.models.noisy_classifier import NoisyClassifierNetwork
from engine.models.unet import UNet
from engine.training.loop import CURVE_STEPS, Training
from engine.training.objectives import BATCH, Classification, Denoising, Images, NoisyClassification, Objective

SIGMA_DATA = 0.5
CLASSES = 10


def tiny_images(count: int = 256) -> Images:
    """Images of 8 × 8 of which no two are equal."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (count, 8, 8), dtype=np.uint8)
    return Images(images, draw.integers(0, CLASSES, count, dtype=np.uint8))


def denoising(network: nn.Module | None = None, images: Images | None = None) -> Denoising:
    torch.manual_seed(0)
    network = network or UNet(widths=(32,), embedding=16)
    return Denoising(network, parameterization.edm(SIGMA_DATA), images or tiny_images(), CLASSES)


def classification() -> Classification:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.SiLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Dropout(0.5))
    return Classification(network.append(nn.Linear(8 * 4 * 4, CLASSES)), tiny_images())


def noisy_classification(network: nn.Module | None = None) -> NoisyClassification:
    torch.manual_seed(0)
    network = network or NoisyClassifierNetwork(size=8, widths=(16, 32), embedding=16)
    return NoisyClassification(network, parameterization.edm(SIGMA_DATA), tiny_images())


Objectives = pytest.mark.parametrize("objective", [denoising, classification, noisy_classification])


def outcome(training: Training) -> dict[str, Tensor]:
    """Everything that a training has come to: weights, average, moments."""
    training.save()
    return load_tensors(training.path)[0]


def assert_bitwise_equal(one: Training, other: Training) -> None:
    ours, theirs = outcome(one), outcome(other)
    assert ours.keys() == theirs.keys()
    assert [name for name, tensor in ours.items() if not torch.equal(tensor, theirs[name])] == []


@Objectives
def test_three_steps_and_three_after_a_restart_are_six_steps(
    objective: Callable[[], Objective], tmp_path: Path
) -> None:
    straight = Training(objective(), 0, tmp_path / "straight")
    list(straight.run(steps=6))
    list(Training(objective(), 0, tmp_path / "halves").run(steps=3))
    resumed = Training(objective(), 0, tmp_path / "halves")
    resumed.resume()
    assert resumed.step == 3
    list(resumed.run(steps=6))
    assert_bitwise_equal(straight, resumed)


@Objectives
def test_the_seed_decides_everything(objective: Callable[[], Objective], tmp_path: Path) -> None:
    first, again, other = (Training(objective(), seed, tmp_path / "any") for seed in (1, 1, 2))
    for training in (first, again, other):
        list(training.run(steps=4))
    assert_bitwise_equal(first, again)
    assert not all(torch.equal(first.average[name], other.average[name]) for name in first.average)


def test_a_training_that_goes_on_ignores_what_happened_outside_it(tmp_path: Path) -> None:
    """Neither the global generator nor the length asked for takes part."""
    short, long = (Training(classification(), 0, tmp_path / name) for name in ("short", "long"))
    list(short.run(steps=3))
    for _ in islice(long.run(steps=1000), 3):
        torch.rand(7)
    assert_bitwise_equal(short, long)


def test_the_time_and_the_loss_curve_survive_a_restart(tmp_path: Path) -> None:
    before = Training(classification(), 0, tmp_path / "any")
    list(before.run(steps=CURVE_STEPS))
    after = Training(classification(), 0, tmp_path / "any")
    after.resume()
    assert after.seconds == before.seconds > 0.0
    assert after.curve == before.curve
    assert [images for images, _ in after.curve] == [CURVE_STEPS * BATCH]
    assert list(after.run(minutes=before.seconds / 61)) == []  # the minutes are those of all sessions


def test_the_loss_curve_knows_of_no_interruption(tmp_path: Path) -> None:
    straight = Training(classification(), 0, tmp_path / "straight")
    list(straight.run(steps=CURVE_STEPS))
    list(Training(classification(), 0, tmp_path / "halves").run(steps=CURVE_STEPS - 1))
    resumed = Training(classification(), 0, tmp_path / "halves")
    resumed.resume()
    list(resumed.run(steps=CURVE_STEPS))
    assert resumed.curve == straight.curve


@pytest.mark.parametrize("kept", [None, 0.0, 0.001, 0.5, 0.999])
def test_a_checkpoint_that_is_missing_or_cut_short(tmp_path: Path, kept: float | None) -> None:
    path = tmp_path / "checkpoint"
    if kept is not None:
        list(Training(classification(), 0, path).run(steps=1))
        path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(ModelError, match="checkpoint is"):
        Training(classification(), 0, path).resume()


def test_a_checkpoint_of_another_seed(tmp_path: Path) -> None:
    list(Training(classification(), 0, tmp_path / "seed").run(steps=1))
    with pytest.raises(ModelError, match="seed 0, not 1"):
        Training(classification(), 1, tmp_path / "seed").resume()


@pytest.mark.parametrize("network", [UNet(widths=(64,), embedding=16), UNet(widths=(32, 32), embedding=16)])
def test_a_checkpoint_of_another_network(tmp_path: Path, network: nn.Module) -> None:
    list(Training(denoising(), 0, tmp_path / "network").run(steps=1))
    with pytest.raises(ModelError, match="network"):
        Training(denoising(network), 0, tmp_path / "network").resume()


def test_weights_are_not_a_checkpoint(tmp_path: Path) -> None:
    save_tensors(tmp_path / "weights", {"a": torch.zeros(3)}, {"name": "digits"})
    with pytest.raises(ModelError, match="not a checkpoint"):
        Training(classification(), 0, tmp_path / "weights").resume()


def test_the_learning_rate_needs_no_end(tmp_path: Path) -> None:
    """Linear to the peak over 500 steps, level to 4,000, then as 1/√step."""
    training = Training(classification(), 0, tmp_path / "any", peak_rate=0.01)
    rate = training.descent.rate
    assert [rate(step) for step in (0, 249, 499, 500, 4000)] == pytest.approx([2e-5, 5e-3, 0.01, 0.01, 0.01])
    assert [rate(step) for step in (16_000, 400_000)] == pytest.approx([0.005, 0.001])
    for _ in islice(training.run(), 3):
        assert training.descent.optimizer.param_groups[0]["lr"] == rate(training.step - 1)


def test_the_average_is_the_power_law(tmp_path: Path) -> None:
    """After n steps the weights of step k count with (k/n)^(γ+1) − ((k−1)/n)^(γ+1), γ = 6.94: a width of n/10."""

    def profile(steps: int) -> np.ndarray:
        return np.diff((np.arange(steps + 1) / steps) ** 7.94)

    place = (np.arange(10_000) + 0.5) / 10_000
    width = np.sqrt(profile(10_000) @ place**2 - (profile(10_000) @ place) ** 2)
    assert width == pytest.approx(0.1, abs=1e-3)  # what the card and the docstring promise

    training = Training(classification(), 0, tmp_path / "any", peak_rate=1.0)  # large steps: weights that differ
    weights = training.parameters.items()
    passed = [{name: p.detach().double().clone() for name, p in weights} for _ in training.run(steps=12)]
    for name, average in training.average.items():
        written_out = sum(share * then[name] for share, then in zip(profile(12), passed, strict=True))
        assert isinstance(written_out, Tensor)
        moved = float((passed[-1][name] - passed[0][name]).abs().max())
        assert moved > 1e-3
        torch.testing.assert_close(average.double(), written_out, rtol=0.0, atol=1e-5 * max(moved, 1.0))


def test_the_loss_falls(tmp_path: Path) -> None:
    """Two images, learned by heart: the loss on noise that was never seen falls from 1 to less than a third."""
    pair = Images(np.repeat(tiny_images(2).images, BATCH, axis=0), np.repeat(np.array([0, 1], np.uint8), BATCH))
    training = Training(denoising(images=pair), 0, tmp_path / "any", peak_rate=0.02)

    def unseen() -> float:
        with torch.no_grad():
            return float(np.mean([float(training.objective.loss(99, step)) for step in range(4)]))

    before = unseen()
    list(training.run(steps=100))
    assert before == pytest.approx(1.0, abs=0.3)  # a zero network: the target has unit variance
    assert unseen() < before / 3


class Witness(nn.Module):
    """Remembers what it was asked, and answers with `answer`."""

    def __init__(self, answer: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, x: Tensor, noise: Tensor, label: Tensor) -> Tensor:
        self.asked.append((x, noise, label))
        return self.answer(x, noise)


def sigma_and_x(x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """σ and the noisy image, from what EDM's network is given: x / √(σ² + σ_data²) and log σ / 4."""
    sigma = torch.exp(4.0 * noise.double())[:, None, None, None]
    return sigma, x.double() * torch.sqrt(sigma**2 + SIGMA_DATA**2)


def test_the_exact_target_has_no_loss_and_a_constant_error_the_right_gradient() -> None:
    """With one clean image x_0 the target is known: F = (x_0 − c_skip x) / c_out. An error of b costs b²."""
    one = tiny_images(1)
    clean = torch.from_numpy(one.images).double() / 127.5 - 1.0
    error = torch.tensor(0.0, requires_grad=True)

    def exact(x: Tensor, noise: Tensor) -> Tensor:
        sigma, x = sigma_and_x(x, noise)
        total = sigma**2 + SIGMA_DATA**2
        target = (clean - SIGMA_DATA**2 / total * x) / (sigma * SIGMA_DATA / torch.sqrt(total))
        return target.float() + error

    same = Images(np.repeat(one.images, BATCH, axis=0), np.repeat(one.labels, BATCH))
    objective = denoising(Witness(exact), same)
    assert float(objective.loss(0, 0).detach()) < 1e-8
    with torch.no_grad():
        error.fill_(0.25)
    loss = objective.loss(0, 1)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.25**2, rel=1e-3)
    assert float(error.grad) == pytest.approx(2 * 0.25, rel=1e-3)


def test_the_loss_is_the_weighted_error_of_the_denoiser() -> None:
    """λ(σ) ‖D − x_0‖² with λ = (σ² + σ_data²) / (σ σ_data)² (Karras et al. 2022, table 1), for F = 0: D = c_skip x."""
    witness = Witness(lambda x, noise: torch.zeros_like(x))
    objective = denoising(witness)
    loss = float(objective.loss(3, 5))
    clean = objective.data.batch(3, 5)[0].double()
    sigma, x = sigma_and_x(*witness.asked[0][:2])
    total = sigma**2 + SIGMA_DATA**2
    weighted = total / (sigma * SIGMA_DATA) ** 2 * (SIGMA_DATA**2 / total * x - clean) ** 2
    assert loss == pytest.approx(float(weighted.mean()), rel=1e-5)


def test_noise_and_labels_are_drawn_as_stated() -> None:
    """log σ ~ N(−0.8, 1.2²), ε ~ N(0, 1), a label in ten dropped: each within 5 standard errors (false alarm 6e−7)."""
    witness = Witness(lambda x, noise: torch.zeros_like(x))
    objective = denoising(witness)
    steps, logs, noises, dropped = 40, [], [], 0
    for step in range(steps):
        objective.loss(0, step)
        clean, labels = objective.data.batch(0, step)
        x_in, noise, asked = witness.asked[step]
        sigma, x = sigma_and_x(x_in, noise)
        logs.append(torch.log(sigma).flatten())
        noises.append(((x - clean) / sigma).flatten())
        dropped += int((asked == CLASSES).sum())
        assert torch.equal(asked[asked != CLASSES], labels[asked != CLASSES])
    for values, mean, spread in ((torch.cat(logs), -0.8, 1.2), (torch.cat(noises), 0.0, 1.0)):
        error = spread / len(values) ** 0.5
        assert float(values.mean()) == pytest.approx(mean, abs=5 * error)
        assert float(values.std()) == pytest.approx(spread, abs=5 * error / 2**0.5)
    count = steps * BATCH
    assert dropped == pytest.approx(0.1 * count, abs=5 * (count * 0.1 * 0.9) ** 0.5)


def test_the_noise_is_drawn_higher_from_a_later_step_on() -> None:
    """The same draws z as without: log σ = −0.8 + 1.2 z before step 7, and 0.5 + 1.2 z from it on."""
    plain, turned = (Witness(lambda x, noise: torch.zeros_like(x)) for _ in range(2))
    turning = denoising(turned)
    turning.later = (7, 0.5)
    for step in (6, 7, 8):
        for objective in (denoising(plain), turning):
            objective.loss(0, step)
    logs = [
        [4.0 * noise.double() for _, noise, _ in witness.asked]  # the label of EDM is log σ / 4
        for witness in (plain, turned)
    ]
    for before, after, shift in zip(*logs, (0.0, 1.3, 1.3), strict=True):
        torch.testing.assert_close(after - before, torch.full_like(before, shift), rtol=0.0, atol=1e-5)


def test_noisy_images_are_classified_at_levels_drawn_as_stated() -> None:
    """log σ ~ N(0, 1.6²), ε ~ N(0, 1), evidence 1/√(1 + σ²): within 5 standard errors (false alarm 6e−7)."""
    witness = Witness(lambda x, noise: torch.zeros(len(x), CLASSES))
    objective = noisy_classification(witness)
    steps, logs, noises = 40, [], []
    for step in range(steps):
        assert float(objective.loss(0, step)) == pytest.approx(np.log(CLASSES))
        x_in, noise, scale = witness.asked[step]
        sigma, x = sigma_and_x(x_in, noise)
        torch.testing.assert_close(scale.double(), (1.0 + sigma[:, :, 0, 0] ** 2) ** -0.5, rtol=1e-5, atol=0.0)
        logs.append(torch.log(sigma).flatten())
        noises.append(((x - objective.data.batch(0, step)[0]) / sigma).flatten())
    for values, mean, spread in ((torch.cat(logs), 0.0, 1.6), (torch.cat(noises), 0.0, 1.0)):
        error = spread / len(values) ** 0.5
        assert float(values.mean()) == pytest.approx(mean, abs=5 * error)
        assert float(values.std()) == pytest.approx(spread, abs=5 * error / 2**0.5)


def test_the_loss_of_a_noisy_image_is_minus_the_log_probability_of_its_class() -> None:
    """No smoothing: the loss of logits z is −z_y + log Σ exp z, at every level with the same weight."""
    logits = torch.randn(BATCH, CLASSES, generator=torch.Generator().manual_seed(0))
    objective = noisy_classification(Witness(lambda x, noise: logits))
    labels = objective.data.batch(3, 5)[1]
    expected = torch.logsumexp(logits, 1) - logits[torch.arange(BATCH), labels]
    assert float(objective.loss(3, 5)) == pytest.approx(float(expected.mean()), rel=1e-5)


def test_every_image_once_an_epoch_in_a_new_order() -> None:
    images = tiny_images(3 * BATCH)
    batches = [images.batch(0, step) for step in range(6)]
    epochs = [torch.cat([x for x, _ in batches[:3]]), torch.cat([x for x, _ in batches[3:]])]
    everything = torch.from_numpy(images.images).float()[:, None] / 127.5 - 1.0
    for epoch in epochs:
        assert torch.equal(epoch.flatten(1).unique(dim=0), everything.flatten(1).unique(dim=0))
    assert not torch.equal(*epochs)
    place = [int((everything == x).all(dim=(1, 2, 3)).nonzero()) for x in batches[0][0]]
    assert torch.equal(batches[0][1], torch.from_numpy(images.labels[place]).long())


def test_fewer_images_than_a_batch_come_as_often_as_each_other() -> None:
    """40 in batches of 64: every one once or twice, and over 200 batches the first no more often than the last."""
    images = Images(np.arange(40, dtype=np.uint8).reshape(40, 1, 1), np.arange(40), 64)
    seen = np.stack([np.bincount(images.batch(0, step)[1], minlength=40) for step in range(200)])
    assert set(seen.flat) == {1, 2}
    assert (np.abs(seen.sum(0) - 320) < 40).all()  # six deviations of √(200 · 0.6 · 0.4): false once in 1e7


@pytest.mark.parametrize(
    ("split", "counts"),
    [
        ("train", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("test", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_mnist_is_mnist(split: digits.Split, counts: list[int]) -> None:
    """Shapes, class counts, and the checksums of the original files, whose headers are 16 and 8 bytes long."""
    images, labels = digits.load(split)
    assert images.shape == (sum(counts), 28, 28)
    assert labels.shape == (sum(counts),)
    assert images.dtype == labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == counts

    readme = (RESOURCES / "data" / "mnist" / "README.md").read_text()
    prefix = {"train": "train", "test": "t10k"}[split]
    for array, kind, code in ((images, "images-idx3", 3), (labels, "labels-idx1", 1)):
        stated = re.search(rf"([0-9a-f]{{32}})  {prefix}-{kind}-ubyte", readme)
        assert stated
        header = bytes([0, 0, 8, code]) + np.array(array.shape, ">u4").tobytes()
        assert hashlib.md5(header + array.tobytes()).hexdigest() == stated[1]


def test_sigma_data_is_the_spread_of_the_training_images() -> None:
    assert digits.load("train")[0].std(dtype=np.float32) / 127.5 == pytest.approx(digits.SIGMA_DATA, abs=5e-5)
