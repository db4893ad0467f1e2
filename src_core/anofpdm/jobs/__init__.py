"""Jobs: long commands that run in the background, each with a folder on disk.

Imports `datasets`, `model` and `common`.
"""
