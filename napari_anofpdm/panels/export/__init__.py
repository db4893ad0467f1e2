"""The panel Export: write results."""
