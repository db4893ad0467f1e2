"""The Prepare panel: raw scans of one head made ready for a run."""
