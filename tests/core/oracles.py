"""Predictors whose answer is known in closed form, and the method written out naively."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from anofpdm.method.class_labels import HEALTHY, NULL, UNHEALTHY
from anofpdm.method.forward_process import Step
from anofpdm.method.schedule import NoiseSchedule


@dataclass
class Recorded:
    """A predictor that keeps what it was asked."""

    predictor: Callable[[Tensor, Tensor, Tensor], Tensor]
    calls: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)

    def __call__(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        self.calls.append((x.clone(), index.clone(), label.clone()))
        return self.predictor(x, index, label)


@dataclass(frozen=True)
class GaussianOracle:
    """Exact noise predictor for data x_0 ~ N(mu_y, s^2 I), one mean image (C, H, W) per label.

    x_t is then Gaussian with mean sqrt(ab) mu and variance v = ab s^2 + 1 - ab, its score is
    (sqrt(ab) mu - x_t) / v, and the noise -sqrt(1 - ab) times that.
    """

    schedule: NoiseSchedule
    means: dict[int, Tensor]
    s: float

    def variance(self, t: int) -> float:
        ab = self.schedule.alpha_bar(t)
        return ab * self.s**2 + 1.0 - ab

    def score(self, x: Tensor, t: int, label: int) -> Tensor:
        return (math.sqrt(self.schedule.alpha_bar(t)) * self.means[label] - x) / self.variance(t)

    def log_density(self, x: Tensor, t: int, label: int) -> Tensor:
        """log p(x_t | y) for each of the batch, up to a constant shared by all labels."""
        offset = x - math.sqrt(self.schedule.alpha_bar(t)) * self.means[label]
        return -offset.square().flatten(1).sum(1) / (2.0 * self.variance(t))

    def __call__(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        return _by_slice(self.schedule, self.score, x, index, label)


@dataclass(frozen=True)
class MixtureOracle:
    """Exact noise predictor for healthy and unhealthy Gaussians; null is their mixture."""

    gaussian: GaussianOracle
    prior_healthy: float

    def log_joint(self, x: Tensor, t: int) -> Tensor:
        """log p(x_t, y) for y healthy and unhealthy, (2, N)."""
        prior = torch.tensor([self.prior_healthy, 1.0 - self.prior_healthy], dtype=x.dtype)
        densities = [self.gaussian.log_density(x, t, y) for y in (HEALTHY, UNHEALTHY)]
        return torch.stack(densities) + prior.log()[:, None]

    def score(self, x: Tensor, t: int, label: int) -> Tensor:
        if label != NULL:
            return self.gaussian.score(x, t, label)
        weights = self.log_joint(x, t).softmax(dim=0)[..., None, None, None]
        healthy, unhealthy = (self.gaussian.score(x, t, y) for y in (HEALTHY, UNHEALTHY))
        return weights[0] * healthy + weights[1] * unhealthy

    def __call__(self, x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        return _by_slice(self.gaussian.schedule, self.score, x, index, label)


def true_noise(schedule: NoiseSchedule, x0: Tensor) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Predictor that knows x_0 and so returns the very noise in x_t, whatever the label."""

    def predict(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        del label
        ab = schedule.alpha_bar(int(index[0]) + 1)
        return (x - math.sqrt(ab) * torch.cat([x0, x0])) / math.sqrt(1.0 - ab)

    return predict


def scripted(
    schedule: NoiseSchedule, x0: Tensor, gap_of: Callable[[int], Tensor]
) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Predictor that returns the true noise for null, and `gap_of(t)` (N, C, H, W) more for h."""
    exact = true_noise(schedule, x0)

    def predict(x: Tensor, index: Tensor, label: Tensor) -> Tensor:
        eps = exact(x, index, label)
        gap = gap_of(int(index[0]) + 1)
        return eps + torch.cat([gap, gap]) * (label == HEALTHY)[:, None, None, None]

    return predict


def _by_slice(
    schedule: NoiseSchedule,
    score: Callable[[Tensor, int, int], Tensor],
    x: Tensor,
    index: Tensor,
    label: Tensor,
) -> Tensor:
    rows = []
    for row, i, y in zip(x, index.tolist(), label.tolist(), strict=True):
        t = i + 1
        rows.append(-math.sqrt(1.0 - schedule.alpha_bar(t)) * score(row[None], t, y))
    return torch.cat(rows)


@dataclass(frozen=True)
class Naive:
    """The curves and maps of one guidance, from all steps kept at once."""

    divergence: Tensor
    mse_healthy: Tensor
    mse_null: Tensor
    sub_anomaly_maps: Tensor

    def end_index(self) -> Tensor:
        return self.divergence.argmax(dim=-1)

    def aggregated(self, index: Tensor) -> Tensor:
        """Eq. 20 up to and including `index` (N, C)."""
        out = torch.empty_like(self.sub_anomaly_maps[0])
        for n in range(out.shape[0]):
            for c in range(out.shape[1]):
                out[n, c] = self.sub_anomaly_maps[: int(index[n, c]) + 1, n, c].mean(dim=0)
        return out


def naive(
    steps: Sequence[Step],
    x0: Tensor,
    schedule: NoiseSchedule,
    guidance: float,
    *,
    clip: bool,
    sam: str = "sam",
) -> Naive:
    """Eq. 7, 10, 12 and 14 to 16 as printed, Eq. 7 in terms of the two noises."""
    healthy_all, null_all, maps = [], [], []
    for step in steps:
        ab = schedule.alpha_bar(step.t)
        eps_null = (step.x_t - ab**0.5 * step.x0_null) / (1.0 - ab) ** 0.5
        eps_healthy = eps_null + step.eps_gap
        guided = (1.0 + guidance) * eps_healthy - guidance * eps_null
        healthy = (step.x_t - (1.0 - ab) ** 0.5 * guided) / ab**0.5
        null = step.x0_null
        if clip:
            healthy, null = healthy.clamp(-1, 1), null.clamp(-1, 1)
        healthy_all.append(healthy)
        null_all.append(null)
        gradient = -(eps_healthy - eps_null) / (1.0 - ab) ** 0.5
        variant = sam.removesuffix("_at_end")
        if variant == "sam":
            maps.append((healthy - x0) ** 2)
        elif variant == "gradient":
            maps.append(gradient**2)
        else:
            maps.append((schedule.c(step.t, guidance) * gradient) ** 2)
    healthy, null = torch.stack(healthy_all), torch.stack(null_all)

    def curve(values: Tensor) -> Tensor:
        return (values**2).mean(dim=(-2, -1)).movedim(0, -1)

    return Naive(curve(healthy - null), curve(healthy - x0), curve(null - x0), torch.stack(maps))


def images(count: int, channels: int = 2) -> Tensor:
    """Random images (count, channels, 6, 5) in [-1, 1]."""
    rng = torch.Generator().manual_seed(0)
    return torch.rand(count, channels, 6, 5, generator=rng, dtype=torch.float64) * 2 - 1


def gaussian(schedule: NoiseSchedule, s: float = 0.4) -> GaussianOracle:
    """The oracle of one random mean image of two channels for each label."""
    rng = torch.Generator().manual_seed(1)
    means = torch.rand(3, 2, 6, 5, generator=rng, dtype=torch.float64) * 2 - 1
    return GaussianOracle(schedule, {y: means[y] for y in (HEALTHY, UNHEALTHY, NULL)}, s)
