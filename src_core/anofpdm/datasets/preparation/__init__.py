"""From scans on disk to a slice dataset: listed, preprocessed, labelled, split, written.

Imports the other rooms of `datasets`, `scans`, `method` and `common`.
"""
