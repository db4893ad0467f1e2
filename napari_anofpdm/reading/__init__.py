"""The reading room: planes side by side, the hand on the canvas, the toolbar over it.

It arranges canvases around napari's own and links them; it computes nothing of an analysis.
"""
