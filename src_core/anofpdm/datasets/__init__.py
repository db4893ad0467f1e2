"""Datasets of labelled slices: what training, tuning and evaluation read.

Imports `scans`, `method` and `common`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anofpdm.datasets.store.slices import SliceDataset, SliceDatasetWriter, SliceSelection

__all__ = ["SliceDataset", "SliceDatasetWriter", "SliceSelection"]


def __getattr__(name: str) -> object:
    """Load a public name on its first use: the store needs zarr, which takes half a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from anofpdm.datasets.store import slices

    return getattr(slices, name)
