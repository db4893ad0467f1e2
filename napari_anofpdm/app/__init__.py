"""Wiring: the workspace, shortcuts, and what a viewer gets with its first scan.

Imports every room.
"""
