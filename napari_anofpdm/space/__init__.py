"""Voxel and world coordinates: placing a volume in the viewer, planes, patient sides.

Imports no other room.
"""
