"""Lesions as objects in the viewer: walk through them, mark and pick them, correct the mask."""
