"""Guidance selection: which guidance and thresholds suit a model, from slice labels alone.

Imports `datasets`, `model`, `method`, `scans` and `common`.
"""
