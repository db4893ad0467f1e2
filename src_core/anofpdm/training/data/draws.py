"""Random numbers for the slices of a batch, shared by slices that are each other's twins."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class SharedDraws:
    """A generator's numbers, one row a slice; twins get the same row.

    Parameters
    ----------
    rows : Tensor (B,) int64
        For each slice the number of its row, 0 and up.
    generator : torch.Generator
        The only source of randomness.
    count : int, optional
        Rows that are drawn; by default as many as `rows` names. Given the number of the whole
        batch, slices that are a part of it get the numbers that they have in the whole.
    """

    def __init__(self, rows: Tensor, generator: torch.Generator, count: int | None = None) -> None:
        self._generator = generator
        self._rows = rows.to(generator.device)
        self._count = int(rows.max()) + 1 if count is None else count

    def uniform(self, *shape: int) -> Tensor:
        """Draw numbers in [0, 1), (B, *shape) float32."""
        size = (self._count, *shape)
        drawn = torch.rand(size, generator=self._generator, device=self._generator.device)
        return drawn[self._rows]

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Draw standard normal numbers, (B, *shape) float32."""
        size = (self._count, *shape)
        drawn = torch.randn(size, generator=self._generator, device=self._generator.device)
        return drawn[self._rows]

    def integers(self, count: int) -> Tensor:
        """Draw numbers of 0..count-1, all alike, (B,) int64."""
        drawn = torch.randint(
            count,
            (self._count,),
            generator=self._generator,
            device=self._generator.device,
        )
        return drawn[self._rows]
