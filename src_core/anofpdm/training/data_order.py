"""Which slices make up the batch of a step: a pure function of seed and step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from anofpdm.errors import TrainingError


class DataOrder:
    """Endless, reproducible order of training slices.

    The slices are walked in epochs, each a fresh permutation drawn from (seed, stream, epoch), so
    the batch of any step can be found without having walked the steps before it. With an
    `unhealthy_fraction`, unhealthy slices and all others are two such walks, mixed in that
    proportion.

    Parameters
    ----------
    labels : ndarray (S,) int
        0 healthy, 1 unhealthy, -1 unknown.
    batch_size : int
        Slices in a batch.
    seed : int
        Seed of the run.
    unhealthy_fraction : float, optional
        Share of unhealthy slices, 0..1; None takes the data as they come.

    Raises
    ------
    TrainingError
        When there is no slice, or none of a kind that the fraction asks for.
    """

    def __init__(
        self,
        labels: NDArray[np.integer],
        batch_size: int,
        seed: int,
        unhealthy_fraction: float | None = None,
    ) -> None:
        self._batch_size = batch_size
        everything = np.arange(len(labels))
        if unhealthy_fraction is None:
            walks = [(everything, 1.0)]
        else:
            walks = [
                (everything[labels == 1], unhealthy_fraction),
                (everything[labels != 1], 1.0 - unhealthy_fraction),
            ]
        if any(share > 0 and not len(members) for members, share in walks):
            raise TrainingError(
                "The training split lacks unhealthy or healthy slices, which unhealthy_fraction = "
                f"{unhealthy_fraction} asks for; leave it out or add such slices."
            )
        # The second walk takes what the first leaves, so every batch is full.
        self._first = _Walk(walks[0][0], (seed, 0))
        self._second = _Walk(walks[1][0], (seed, 1)) if len(walks) > 1 else None
        self._share = walks[0][1]

    def batch(self, step: int) -> NDArray[np.intp]:
        """Positions (batch_size,) of the slices of step 0, 1, ..."""
        size = self._batch_size
        start, stop = step * size, (step + 1) * size
        if self._second is None:
            return self._first.take(start, stop)
        low, high = int(start * self._share), int(stop * self._share)
        return np.concatenate(
            [self._first.take(low, high), self._second.take(start - low, stop - high)]
        )


class _Walk:
    """Members in endless epochs, each permuted anew."""

    def __init__(self, members: NDArray[np.intp], key: tuple[int, int]) -> None:
        self._members = members
        self._key = key
        self._epoch = lru_cache(maxsize=2)(self._permuted)

    def take(self, start: int, stop: int) -> NDArray[np.intp]:
        """Members at places start..stop-1 of the endless sequence."""
        if start == stop:
            return self._members[:0]
        count = len(self._members)
        epochs = range(start // count, (stop - 1) // count + 1)
        joined = np.concatenate([self._epoch(epoch) for epoch in epochs])
        offset = epochs[0] * count
        return joined[start - offset : stop - offset]

    def _permuted(self, epoch: int) -> NDArray[np.intp]:
        generator = np.random.default_rng(np.random.SeedSequence([*self._key, epoch]))
        return generator.permutation(self._members)
