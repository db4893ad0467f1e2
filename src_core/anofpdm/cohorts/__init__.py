"""Cohorts: many scans segmented with one model and one setting, here or on a cluster.

Imports `segmentation`, `datasets`, `results` and what lies below them.
"""
