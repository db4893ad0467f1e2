"""Voxels and world: how a volume stands in the viewer, planes, sides.

Imports no other room.
"""
