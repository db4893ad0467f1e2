"""Scans: volumes, geometry, foreground, checks, and the way to the network's slices.

Imports `common`.
"""
