"""Figures of chosen slices: options, page and file.

Imports the rest of `results.pictures`, and what that imports.
"""
