"""The paper: schedule, forward process, curves, maps, thresholds, settings, interpretation.

Reads no file and knows no scan. Imports `common`.
"""
