"""Datasets of labelled slices: what training, tuning and evaluation read."""

from anofpdm.datasets.store.slices import SliceDataset, SliceDatasetWriter, SliceSelection

__all__ = ["SliceDataset", "SliceDatasetWriter", "SliceSelection"]
