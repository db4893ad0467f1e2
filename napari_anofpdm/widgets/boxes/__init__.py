"""Boxes of choices and counts, which the mouse wheel leaves alone while a panel scrolls."""
