"""From an interpretation to the files of a result folder, on the scan's own voxels."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.errors import OutputError
from anofpdm.lesion_table import write_lesion_table
from anofpdm.postprocessing import remove_small_volumes
from anofpdm.result_folder import (
    ANOMALY_MAP_FILE,
    INTERPRETATION_NAMES,
    LESION_TABLE_FILE,
    MASK_FILE,
    PICTURE_FILE,
    REPORT_FILE,
)
from anofpdm.volume import write_nifti

if TYPE_CHECKING:
    from anofpdm.analysis import Analysis
    from anofpdm.interpretation import Interpretation


@dataclass(frozen=True, eq=False)
class NativeResult:
    """Mask and map on the input's grid.

    Attributes
    ----------
    mask : ndarray, shape of the input, uint8
        1 where a lesion is marked, after the removal of small volumes.
    anomaly_map : ndarray, shape of the input, float32
        H (Eq. 20), averaged over modalities, not filtered; 0 where nothing was analysed.
    """

    mask: NDArray[np.uint8]
    anomaly_map: NDArray[np.float32]


def to_native(analysis: Analysis, interpretation: Interpretation) -> NativeResult:
    """Bring an interpretation of all slices of an analysis back onto the input's voxels.

    The mask decided on the network's grid goes over linearly, is cut at 0.5 and kept inside the
    brain; then components below `min_component_ml` go.
    """
    geometry = analysis.geometry
    ids = interpretation.slice_ids
    mask = geometry.mask_to_native(interpretation.mask, ids, analysis.foreground_native)
    kept = remove_small_volumes(
        mask.astype(bool), geometry.voxel_volume_ml, interpretation.settings.min_component_ml
    )
    return NativeResult(
        mask=kept.astype(np.uint8),
        anomaly_map=geometry.map_to_native(interpretation.anomaly_map, ids),
    )


def write_results(
    folder: Path,
    analysis: Analysis,
    interpretation: Interpretation,
    native: NativeResult,
    report: Mapping[str, Any],
    *,
    truth: NDArray[Any] | None = None,
    names: Collection[str] = INTERPRETATION_NAMES,
) -> None:
    """Write mask, anomaly map, lesion table, report and picture into a folder.

    Parameters
    ----------
    folder : Path
        An existing folder, as `result_folder` yields it.
    analysis, interpretation, native
        What is written, see `to_native`.
    report : mapping
        The report, see `build_report`.
    truth : ndarray, shape of the input, optional
        A known lesion, drawn into the picture.
    names : collection of str
        Which of `INTERPRETATION_NAMES` are written.

    Raises
    ------
    OutputError
        When a file cannot be written.
    """
    grid = analysis.geometry.as_volume(native.mask)
    if MASK_FILE in names:
        write_nifti(folder / MASK_FILE, native.mask, grid, np.uint8)
    if ANOMALY_MAP_FILE in names:
        write_nifti(folder / ANOMALY_MAP_FILE, native.anomaly_map, grid, np.float32)
    try:
        if LESION_TABLE_FILE in names:
            write_lesion_table(folder / LESION_TABLE_FILE, report["lesions"]["components"])
        if REPORT_FILE in names:
            text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
            (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")
        if PICTURE_FILE in names:
            from anofpdm.figures import picture_of, save_picture

            picture = picture_of(analysis, native, report, truth)
            save_picture(folder / PICTURE_FILE, picture, interpretation)
    except OSError as error:
        raise OutputError(
            f"The report cannot be written to {folder.parent} ({error.strerror}); free some space "
            "or choose another folder."
        ) from error
