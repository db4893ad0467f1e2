"""Results as a BIDS derivative: names, sidecars, and the description of the dataset."""
