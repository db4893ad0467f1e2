"""Training: from a slice dataset to an uncalibrated model bundle."""

from anofpdm.training.config import TrainingConfig
from anofpdm.training.export import export_bundle
from anofpdm.training.loop import TrainingResult, train
from anofpdm.training.progress import TrainingProgress

__all__ = ["TrainingConfig", "TrainingProgress", "TrainingResult", "export_bundle", "train"]
