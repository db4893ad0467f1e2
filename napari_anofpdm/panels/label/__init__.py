"""The Label panel: mark the slices that show disease."""
