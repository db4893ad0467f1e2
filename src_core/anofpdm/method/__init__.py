"""The paper's method: schedule, forward process, curves, maps, thresholds, interpretation.

Reads no files and does not depend on scans. Imports `common`.
"""
