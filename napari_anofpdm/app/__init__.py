"""Wiring: each viewer's context, its panels, shortcuts, readers, and the workspace.

The only room that knows all others; nothing imports it. The manifest names what it holds.
"""
