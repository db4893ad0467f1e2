"""Training: from a slice dataset to an uncalibrated model bundle.

Imports `guidance`, `datasets`, `model`, `method` and `common`.
"""

from anofpdm.training.config import TrainingConfig
from anofpdm.training.monitor.progress import TrainingProgress
from anofpdm.training.run.export import export_bundle
from anofpdm.training.run.loop import TrainingResult, train

__all__ = ["TrainingConfig", "TrainingProgress", "TrainingResult", "export_bundle", "train"]
