"""Services of napari and Qt: notifications, preferences, docks, widget lifetimes.

Imports no other room.
"""
