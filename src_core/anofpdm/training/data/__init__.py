"""The data of a training step: which slices, read ahead, augmented.

Imports `datasets` and `common`.
"""
