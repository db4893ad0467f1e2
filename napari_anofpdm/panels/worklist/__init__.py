"""The panel Worklist."""
