"""The reader's work on one case: settings, verdicts on lesions, and the edited mask, in files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.atomic import cannot_write
from anofpdm.results.measuring.files import MeasurementFile
from anofpdm.results.review.review_file import ReviewFile
from anofpdm.results.settings_files import ModelIdentity, SettingsFile
from anofpdm.scans.volume import read_volume, write_nifti
from anofpdm.worklist.case import Case

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.settings import Settings
    from anofpdm.results.measuring.measurement import Measurement
    from anofpdm.results.review.verdicts import ReviewedLesions

LESIONS_FILE = "lesion_review.json"
SETTINGS_FILE = "review_settings.json"
MEASUREMENTS_FILE = "measurements.json"
EDITED_MASK_FILE = "edited_mask.nii.gz"
EARLIER_MASK_FILE = "earlier_edited_mask.nii.gz"
"""A corrected mask that does not count any more, as after another threshold."""


@dataclass(frozen=True, eq=False)
class CaseReview:
    """What is stored of a reader's work on an analysed case.

    Attributes
    ----------
    settings : SettingsFile or None
    lesions : ReviewFile or None
        Verdicts and notes on the lesions of the mask that counts.
    edited : ndarray of bool, shape of the scan, or None
        The mask that the reader corrected.
    measurements : tuple of Measurement
        The rulers and regions that the reader drew.
    """

    settings: SettingsFile | None = None
    lesions: ReviewFile | None = None
    edited: NDArray[np.bool_] | None = None
    measurements: tuple[Measurement, ...] = ()


def save_review(
    case: Case,
    analysis: Analysis,
    settings: Settings,
    reviewed: ReviewedLesions,
    edited: NDArray[np.uint8] | None,
    measurements: tuple[Measurement, ...] = (),
) -> None:
    """Store a reader's work; each file appears whole, so that a crash loses the last change only.

    Parameters
    ----------
    case : Case
    analysis : Analysis
        Of the case.
    settings : Settings
    reviewed : ReviewedLesions
        Of the mask that counts.
    edited : ndarray, shape of the scan, or None
        The corrected mask; None puts the one that is stored aside.
    measurements : tuple of Measurement
        Without any, no file of them is made.

    Raises
    ------
    OutputError
        When the folder cannot be written.
    """
    folder = case.folder
    model = ModelIdentity.of(analysis.metadata)
    SettingsFile(model=model, settings=settings).write(folder / SETTINGS_FILE, overwrite=True)
    if edited is None:
        with cannot_write(folder):
            if (folder / EDITED_MASK_FILE).exists():
                (folder / EDITED_MASK_FILE).replace(folder / EARLIER_MASK_FILE)
    else:
        grid = analysis.geometry.as_volume(edited)
        write_nifti(folder / EDITED_MASK_FILE, edited, grid, np.uint8, overwrite=True)
    affine = np.asarray(analysis.geometry.affine)
    ReviewFile.of(reviewed, affine).write(folder / LESIONS_FILE, overwrite=True)
    if measurements or (folder / MEASUREMENTS_FILE).exists():
        drawn = MeasurementFile(measurements=measurements)
        drawn.write(folder / MEASUREMENTS_FILE, overwrite=True)


def load_review(case: Case) -> CaseReview:
    """Read what is stored of a reader's work on a case.

    Raises
    ------
    AnofpdmError
        When a file is damaged.
    """
    folder = case.folder
    settings, lesions, mask = (
        folder / name for name in (SETTINGS_FILE, LESIONS_FILE, EDITED_MASK_FILE)
    )
    drawn = folder / MEASUREMENTS_FILE
    return CaseReview(
        SettingsFile.read(settings) if settings.is_file() else None,
        ReviewFile.read(lesions) if lesions.is_file() else None,
        np.asarray(read_volume(mask).data > 0) if mask.is_file() else None,
        MeasurementFile.read(drawn).measurements if drawn.is_file() else (),
    )
