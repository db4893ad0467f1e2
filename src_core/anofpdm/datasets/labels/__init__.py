"""Slice labels: what a person said, in a CSV, and the rule that decides where masks are known.

Imports `common` and `datasets.case`.
"""
