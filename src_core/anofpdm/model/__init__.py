"""Models: the U-Net, bundles of weights and metadata, the bundled weights, imported checkpoints.

Imports `common`, `scans` and `method`.
"""
