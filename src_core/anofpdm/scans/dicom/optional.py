"""pydicom where it is installed; one sentence where it is not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from anofpdm.common.errors import VolumeError


def pydicom_for(path: Path) -> ModuleType:
    """Import pydicom to read what lies at `path`.

    Raises
    ------
    VolumeError
        When it is not installed.
    """
    try:
        import pydicom
    except ImportError as error:
        raise VolumeError(
            f"{path} needs pydicom to be read as DICOM: install it (pip install "
            "'napari-anofpdm[dicom]'), or convert the series to .nii.gz."
        ) from error
    return pydicom


@contextmanager
def quiet() -> Iterator[None]:
    """Silence warnings on headers that break rules: they quote values, which may name a patient."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
