"""The Export panel: write results."""
