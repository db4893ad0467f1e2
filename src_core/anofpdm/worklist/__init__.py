"""A list of cases to read: what is analysed and reviewed, and the reader's files of each.

Imports `cohorts`, `results` and what lies below them.
"""
