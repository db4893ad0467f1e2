"""Two scans compared by eye: blended, as a checkerboard, or side by side.

Imports `reading`; `app` connects it to a panel.
"""
