"""Scan files: NIfTI and other formats, what their headers say of space, and how they are written.

Imports `common`.
"""
