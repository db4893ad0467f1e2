"""The DICOM series that an analysed scan came from."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Layer

    from anofpdm import Analysis
    from anofpdm.scans.dicom.series import Series

NOT_DICOM = "Available when the scan was opened from DICOM in this viewer."
NEEDS_HIGHDICOM = "Needs highdicom: pip install 'napari-anofpdm[dicom]'."
NEEDS_SIMPLEITK = "Needs SimpleITK: pip install 'napari-anofpdm[formats]'."


def source_series(analysis: Analysis | None, layers: Iterable[Layer]) -> Series | None:
    """Find the series of a scan of an analysis among the scans in the viewer.

    A scan that was registered lies no longer on its own series, but on that of another scan.

    Parameters
    ----------
    analysis : Analysis or None
    layers : iterable of Layer
        Their metadata hold the volumes that they were made from.
    """
    if analysis is None or not analysis.metadata.sources:
        return None
    from anofpdm.results.dicom.files import lies_on

    known = [getattr(layer.metadata.get("volume"), "source", None) for layer in layers]
    for wanted in analysis.metadata.sources:
        for source in known:
            if source is None or not wanted.sha256 or source.sha256 != wanted.sha256:
                continue
            found: Series = source.series
            if lies_on(found, analysis):
                return found
    return None


def is_installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    return find_spec(package) is not None
