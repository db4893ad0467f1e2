"""Wiring: each viewer's context, its panels, shortcuts, readers, and the workspace.

Imports all other rooms; no room imports it. The manifest names functions and panels of this room.
"""
