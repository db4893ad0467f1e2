"""Random numbers that are the same on every device: what a seed draws is one subject everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_STEP = 0x9E3779B97F4A7C15 - (1 << 64)
_MULTIPLIERS = (0xBF58476D1CE4E5B9 - (1 << 64), 0x94D049BB133111EB - (1 << 64))
_SHIFTS = (30, 27, 31)
_BLOCK = 1 << 15


class Stream:
    """One independent stream of random numbers.

    Single numbers come from numpy's Philox generator. Arrays of noise come from a counter: number
    i is a hash of i and a key (splitmix64, Steele, Lea and Flood, OOPSLA 2014), so a CPU and a GPU
    draw the same array up to the rounding of logarithm and cosine.

    Parameters
    ----------
    *key : int
        Non-negative integers that name the stream.
    """

    def __init__(self, *key: int) -> None:
        # The length belongs to the seed: SeedSequence ignores zeros at its end.
        seed = np.random.SeedSequence([len(key), *key])
        self._numbers = np.random.Generator(np.random.Philox(seed))

    def uniform(self, low: float, high: float) -> float:
        """Draw a number between `low` and `high`."""
        return float(self._numbers.uniform(low, high))

    def log_uniform(self, low: float, high: float) -> float:
        """Draw a number whose logarithm is uniform between those of `low` and `high`."""
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def beta(self, a: float, b: float) -> float:
        """Draw a number in 0..1 from a beta distribution."""
        return float(self._numbers.beta(a, b))

    def normal(self) -> float:
        """Draw a standard normal number."""
        return float(self._numbers.standard_normal())

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return bool(self._numbers.random() < probability)

    def choice(self, names: Sequence[str], weights: Sequence[float]) -> str:
        """Draw one of `names` with probabilities proportional to `weights`."""
        share = np.asarray(weights, dtype=float)
        return str(self._numbers.choice(list(names), p=share / share.sum()))

    def rotation(self) -> np.ndarray:
        """Draw a rotation matrix, shape (3, 3), uniform over all orientations."""
        from scipy.spatial.transform import Rotation

        quaternion = self._numbers.standard_normal(4)
        return np.asarray(Rotation.from_quat(quaternion).as_matrix())

    def white(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Draw independent standard normal numbers, float32, of `shape`."""
        key = int(self._numbers.integers(1 << 62))
        return _hashed_normals(key, math.prod(shape), device).reshape(tuple(shape))


def _hashed_normals(key: int, count: int, device: torch.device) -> Tensor:
    half = (count + 1) // 2
    numbers = torch.empty(2 * half, device=device)
    # A CPU gains several times by what stays in its cache; a GPU by few calls.
    block = _BLOCK if device.type == "cpu" else half
    for start in range(0, half, block):
        stop = min(start + block, half)
        x = torch.arange(start, stop, dtype=torch.int64, device=device)
        x.mul_(_STEP).add_(key)
        for multiplier, shift in zip(_MULTIPLIERS, _SHIFTS, strict=False):
            x = _folded(x, shift).mul_(multiplier)
        x = _folded(x, _SHIFTS[2])
        # Box and Muller's transform of two uniform numbers of 24 bits each.
        radius = (x & 0xFFFFFF).float().add_(0.5).div_(1 << 24).log_().mul_(-2.0).sqrt_()
        angle = (x >> 40).bitwise_and_(0xFFFFFF).float().mul_(2.0 * math.pi / (1 << 24))
        torch.mul(radius, angle.cos(), out=numbers[start:stop])
        torch.mul(radius, angle.sin_(), out=numbers[half + start : half + stop])
    return numbers[:count]


def _folded(x: Tensor, shift: int) -> Tensor:
    # torch shifts the sign in; splitmix64 shifts zeros in.
    return (x >> shift).bitwise_and_((1 << (64 - shift)) - 1).bitwise_xor_(x)
