"""The slices of each batch, as a pure function of seed and step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import TrainingError

_FADED_SHARE = 0.75


class DataOrder:
    """Endless, reproducible order of training slices.

    The slices are walked in epochs, each a fresh permutation drawn from (seed, stream, epoch), so
    the batch of any step can be found without having walked the steps before it. With an
    `unhealthy_fraction`, unhealthy slices and all others are two such walks, mixed in that
    proportion. With `twins`, each unhealthy slice brings its twin at the others' cost.

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
    twins : ndarray (S,) int, optional
        For each slice the index of its twin without lesion, or -1. Slices that are a twin come in
        no other way; an unhealthy slice without one is left out. Needs an `unhealthy_fraction` of
        at most 0.5.
    faintest_lesion : float
        Of the unhealthy slices with a twin three in four keep a share s of their difference to it,
        log s uniform in log `faintest_lesion`..0; 1 leaves all as they are.

    Attributes
    ----------
    pairs : int
        Pairs of twins in a batch; 0 without `twins`.

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
        twins: NDArray[np.integer] | None = None,
        faintest_lesion: float = 1.0,
    ) -> None:
        self._batch_size = batch_size
        self._seed = seed
        self._faintest = faintest_lesion
        self._twins = twins
        everything = np.arange(len(labels))
        if unhealthy_fraction is None:
            walks = [(everything, 1.0)]
        elif twins is None:
            walks = [
                (everything[labels == 1], unhealthy_fraction),
                (everything[labels != 1], 1.0 - unhealthy_fraction),
            ]
        else:
            is_twin = np.isin(everything, twins)
            walks = [
                (everything[(labels == 1) & (twins >= 0)], unhealthy_fraction),
                (everything[(labels != 1) & ~is_twin], 1.0 - 2 * unhealthy_fraction),
            ]
        if any(share > 0 and not len(members) for members, share in walks):
            raise TrainingError(
                "The training split lacks unhealthy or healthy slices, which unhealthy_fraction = "
                f"{unhealthy_fraction} requires; remove the setting, or add such slices."
            )
        if twins is not None and int(batch_size * (unhealthy_fraction or 0)) == 0:
            raise TrainingError(
                f"batch_size = {batch_size} is too small for a pair of twins at "
                f"unhealthy_fraction = {unhealthy_fraction}; increase one of them."
            )
        # The second walk takes what the first leaves, so every batch is full.
        self._first = _Walk(walks[0][0], (seed, 0))
        self._second = _Walk(walks[1][0], (seed, 1)) if len(walks) > 1 else None
        self._share = walks[0][1]
        self.pairs = int(batch_size * self._share) if twins is not None else 0

    def batch(self, step: int) -> NDArray[np.intp]:
        """Positions (batch_size,) of the slices of step 0, 1, ...

        With twins the batch ends with them, in the order of the unhealthy slices it begins with.
        """
        size = self._batch_size
        start, stop = step * size, (step + 1) * size
        if self._second is None:
            return self._first.take(start, stop)
        if self._twins is None:
            low, high = int(start * self._share), int(stop * self._share)
            return np.concatenate(
                [self._first.take(low, high), self._second.take(start - low, stop - high)]
            )
        pairs, others = self.pairs, size - 2 * self.pairs
        sick = self._first.take(step * pairs, (step + 1) * pairs)
        rest = self._second.take(step * others, (step + 1) * others)
        return np.concatenate([sick, rest, self._twins[sick]])

    def rows(self) -> NDArray[np.intp]:
        """For each slice of any batch the number (batch_size,) of its random draws."""
        return shared_rows(self._batch_size, self.pairs)

    def strengths(self, step: int) -> NDArray[np.float32]:
        """For each slice of the step's batch the share (batch_size,) that its lesion keeps."""
        strengths = np.ones(self._batch_size, dtype=np.float32)
        if self._twins is None or self._faintest == 1:
            return strengths
        # Streams 0 and 1 are the walks'.
        generator = np.random.default_rng(np.random.SeedSequence([self._seed, 2, step]))
        chance, place = generator.random((2, self.pairs))
        drawn = self._faintest**place
        strengths[: self.pairs] = np.where(chance < _FADED_SHARE, drawn, 1.0)
        return strengths


def shared_rows(batch_size: int, pairs: int) -> NDArray[np.intp]:
    """Give each slice (batch_size,) the number of its draws; the last `pairs` share the first's."""
    return np.concatenate([np.arange(batch_size - pairs), np.arange(pairs)])


class _Walk:
    """Members in endless epochs, each with a new permutation."""

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
