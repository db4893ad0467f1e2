"""The case of a worklist that is in view, and the reader's work on it."""
