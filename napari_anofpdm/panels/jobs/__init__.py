"""The panel Jobs: datasets, trainings and guidance selections."""
