"""The expensive half: the network walks over a scan, and what it said is stored.

Imports `model`, `method`, `scans` and `common`.
"""
