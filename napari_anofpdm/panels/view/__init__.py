"""The View panel: open scans, choose plane and window."""
