"""One step of training: the objective, the trainer, the processes that share it.

Imports `training.config`, `training.data`, `datasets`, `method` and `common`.
"""
