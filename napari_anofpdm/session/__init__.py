"""What the panels of one viewer share: state, the run, the work behind it.

Knows no viewer, no layer and no panel. Imports `host`.
"""
