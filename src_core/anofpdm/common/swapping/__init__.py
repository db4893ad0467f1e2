"""Replacing files and folders so that a crash at any moment loses nothing."""
