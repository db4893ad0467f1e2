"""Evaluation: scores of models against known lesions, and how realistic synthetic scans are.

Imports `synthetic`, `datasets`, `results`, `analysis`, `model`, `method`, `scans` and `common`.
"""
