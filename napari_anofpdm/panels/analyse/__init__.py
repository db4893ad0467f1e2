"""The Analyse panel: choose a model and scans, run the network."""
