"""The panel View: open scans, choose plane and window."""
