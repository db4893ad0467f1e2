"""The HTML report of an evaluation: tables, curves and example pictures in one file.

Imports the rest of `evaluation`, and what that imports.
"""
