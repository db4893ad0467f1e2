"""What a run measures and records of itself: losses, accuracy, pictures, TensorBoard.

Imports `training.step` and `guidance`.
"""
