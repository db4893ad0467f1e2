"""Datasets of labelled slices: what training, tuning and evaluation read.

Imports `scans`, `method` and `common`.
"""

from anofpdm.datasets.store.slices import SliceDataset, SliceDatasetWriter, SliceSelection

__all__ = ["SliceDataset", "SliceDatasetWriter", "SliceSelection"]
