"""The panels as napari opens them: each is made from a viewer and connected to its context.

One file per panel, so that opening one panel imports no other.
"""
