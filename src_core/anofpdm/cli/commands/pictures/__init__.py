"""The commands that draw results for others to see: figures and films."""
