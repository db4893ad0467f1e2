"""The paper's method: schedule, forward process, curves, maps, thresholds, interpretation.

Reads no file and knows no scan. Imports `common`.
"""
