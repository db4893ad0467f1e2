"""The panel that compares two examinations of one patient."""
