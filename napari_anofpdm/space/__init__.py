"""Voxel and world coordinates: placing a volume, planes, camera, patient sides.

Imports no other room.
"""
