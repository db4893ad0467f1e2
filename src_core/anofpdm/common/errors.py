"""One class for each kind of failure; each message is one sentence for the user."""

from __future__ import annotations


class AnofpdmError(Exception):
    """A failure that the user can fix: the message names the file, the value and the remedy."""


class VolumeError(AnofpdmError):
    """A file is not a usable MRI volume."""


class GeometryError(AnofpdmError):
    """Volumes that must share a grid do not, or a geometry cannot be represented."""


class BundleError(AnofpdmError):
    """A model bundle is missing, incomplete, altered or of an unknown format."""


class CheckpointError(AnofpdmError):
    """A training checkpoint cannot be read, resumed or imported."""


class AnalysisError(AnofpdmError):
    """A stored analysis is missing, incomplete or of an unknown format."""


class SettingsError(AnofpdmError):
    """A setting is out of range, or does not fit the data or the bundle."""


class OutputError(AnofpdmError):
    """Results cannot be written to the requested path."""


class DatasetError(AnofpdmError):
    """A slice dataset is missing, incomplete or unfit for the purpose."""


class DeviceError(AnofpdmError):
    """The requested device is unavailable, or it has too little memory."""


class TrainingError(AnofpdmError):
    """Training cannot start or continue."""


class JobError(AnofpdmError):
    """A job is missing, damaged, or in a state that does not allow the operation."""


class Cancelled(AnofpdmError):  # noqa: N818 - a request that was honoured, not a fault
    """The work was cancelled on request; nothing was written."""
