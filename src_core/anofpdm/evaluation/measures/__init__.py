"""Measures of masks and maps against known lesions, with intervals over patients.

Imports `results` and `common`.
"""
