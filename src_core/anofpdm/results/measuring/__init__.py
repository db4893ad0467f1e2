"""Rulers and regions that a reader draws on slices of a scan: their sizes, values and files."""
