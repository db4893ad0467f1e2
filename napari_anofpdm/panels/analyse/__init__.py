"""The panel Analyse: choose a model and scans, run the network."""
