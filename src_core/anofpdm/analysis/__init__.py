"""Run the network over a scan and store its predictions (the expensive part).

Imports `model`, `method`, `scans` and `common`.
"""
