"""Files: readers, writers, sample data, the commands that open.

Imports `layers`, `space` and `host`.
"""
