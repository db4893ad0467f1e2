"""Slice labels: what a person said, in a CSV, and the rule that decides where masks are known.

Imports `scans`, `method`, `common`, and of `datasets` its cases and CSV files.
"""
