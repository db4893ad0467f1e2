"""The shared state of a viewer's panels: analysis, settings, the run, background work.

Depends on no viewer, layer or panel. Imports `host`.
"""
