"""Measurements and records of a run: losses, accuracy, pictures, TensorBoard.

Imports `training.step` and `guidance`.
"""
