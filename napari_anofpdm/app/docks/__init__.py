"""The panels as napari opens them: each made from a viewer alone, with what it needs handed in.

One file for each panel, so that opening one imports no other.
"""
