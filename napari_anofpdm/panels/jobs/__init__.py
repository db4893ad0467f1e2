"""The Jobs panel: datasets, trainings and guidance selections."""
