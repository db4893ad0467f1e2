"""The layers that show a session: map, mask, step maps.

Imports `session`, `space` and `host`.
"""
