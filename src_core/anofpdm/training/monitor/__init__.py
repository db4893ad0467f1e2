"""Measurements and records of a run: losses, accuracy, pictures, TensorBoard.

Imports `training.step`, `guidance` and what lies below them.
"""
