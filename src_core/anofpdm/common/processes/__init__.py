"""Processes: what they inherit, which signals end them, and workers."""
