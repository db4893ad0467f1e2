"""Files: readers, writers, sample data, open commands.

Imports `layers`, `space` and `host`.
"""
