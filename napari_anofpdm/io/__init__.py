"""What the manifest names for files: readers, writers, sample data, opening.

Imports `layers`, `session` and `space`.
"""
