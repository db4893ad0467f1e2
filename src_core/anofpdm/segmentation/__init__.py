"""One scan from its files to a result folder: read, prepare, segment, write.

Imports `results`, `preprocessing`, `analysis`, `model`, `scans` and `common`.
"""
