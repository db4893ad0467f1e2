"""What the plugin asks of napari and Qt themselves: notifications, preferences, docks, lifetimes.

Imports no other room.
"""
