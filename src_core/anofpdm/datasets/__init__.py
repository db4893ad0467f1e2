"""Datasets of labelled slices: what training, tuning and evaluation read.

Imports `scans`, `method` and `common`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anofpdm.datasets.store.slices import SliceDataset, SliceSelection
    from anofpdm.datasets.store.writer import SliceDatasetWriter

_HOMES = {"SliceDataset": "slices", "SliceDatasetWriter": "writer", "SliceSelection": "slices"}

__all__ = ["SliceDataset", "SliceDatasetWriter", "SliceSelection"]


def __getattr__(name: str) -> object:
    """Load a public name on its first use: the store needs zarr, which takes half a second."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"anofpdm.datasets.store.{_HOMES[name]}"), name)
