"""The files of a comparison of two time points."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anofpdm.common.errors import OutputError
from anofpdm.common.quantities import rounded_volume
from anofpdm.results.folder import REPORT_FILE
from anofpdm.scans.volume import write_nifti

if TYPE_CHECKING:
    from anofpdm.results.follow_up.comparison import FollowUp, TimePoint

TIME_POINTS: tuple[TimePoint, ...] = ("baseline", "follow_up")
CHANGE_FILE = "changes.nii.gz"
CHANGE_TABLE_FILE = "follow_up.csv"
CHANGE_PICTURE_FILE = "follow_up.png"
COLUMNS = (
    "number",
    "state",
    "parts",
    "baseline_lesions",
    "follow_up_lesions",
    "baseline_ml",
    "follow_up_ml",
    "change_ml",
    "change_percent",
    "overlap_ml",
    "first_slice",
    "last_slice",
    "centre_right_mm",
    "centre_anterior_mm",
    "centre_superior_mm",
)


def scan_file(time_point: TimePoint, modality: str) -> str:
    """Name of a scan on the voxels of the baseline."""
    return f"{time_point}_{modality}.nii.gz"


def mask_file(time_point: TimePoint) -> str:
    """Name of a lesion mask."""
    return f"{time_point}_mask.nii.gz"


def brain_file(time_point: TimePoint) -> str:
    """Name of an extracted brain mask."""
    return f"{time_point}_brain_mask.nii.gz"


def file_names(modalities: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all files of a comparison."""
    modalities = tuple(modalities)
    return (
        CHANGE_FILE,
        CHANGE_TABLE_FILE,
        CHANGE_PICTURE_FILE,
        REPORT_FILE,
        *(name(each) for name in (mask_file, brain_file) for each in TIME_POINTS),
        *(scan_file(each, modality) for each in TIME_POINTS for modality in modalities),
    )


def write_follow_up(folder: Path, found: FollowUp) -> None:
    """Write scans, masks, changes, table, report and picture into a folder.

    Parameters
    ----------
    folder : Path
        An existing folder, as `result_folder` yields it.
    found : FollowUp

    Raises
    ------
    OutputError
        When a file cannot be written.
    """
    from anofpdm.results.follow_up.picture import save_change_picture

    first = found.scan("baseline")
    for time_point in TIME_POINTS:
        prepared = found.examinations[time_point].prepared
        for modality, scan in prepared.volumes.items():
            write_nifti(folder / scan_file(time_point, modality), scan.data, first, "float32")
        write_nifti(folder / mask_file(time_point), found.mask(time_point), first, "uint8")
        if prepared.extracted and prepared.brain_mask is not None:
            brain = prepared.brain_mask
            write_nifti(folder / brain_file(time_point), brain.data, brain, "uint8")
    write_nifti(folder / CHANGE_FILE, found.changes.labels, first, "int32")
    brains = [found.examinations[each].prepared.brains()[found.shown] for each in TIME_POINTS]
    try:
        write_change_csv(folder / CHANGE_TABLE_FILE, found.report["changes"])
        text = json.dumps(found.report, indent=2, ensure_ascii=False, allow_nan=False)
        (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")
        save_change_picture(
            folder / CHANGE_PICTURE_FILE,
            (brains[0].data, brains[1].data),
            (found.mask("baseline"), found.mask("follow_up")),
            found.changes,
            first.affine,
            (brains[0].name, brains[1].name),
            found.report["warnings"],
            found.note,
        )
    except OSError as error:
        raise OutputError(
            f"The comparison cannot be written to {folder.parent} ({error.strerror}); free some "
            "space or choose another folder."
        ) from error


def write_change_csv(path: Path, section: dict[str, Any]) -> None:
    """Write one line per lesion, the largest union first, after a line of column names.

    Parameters
    ----------
    path : Path
        The CSV file, in UTF-8 with commas; it is replaced.
    section : dict
        As `changes_of` returns it. Numbers of several lesions are parted by spaces; the percentage
        of a new lesion is empty.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for each in section["lesions"]:
            percent = each["change_percent"]
            table.writerow(
                [
                    each["number"],
                    each["state"],
                    each["parts"],
                    " ".join(map(str, each["baseline_lesions"])),
                    " ".join(map(str, each["follow_up_lesions"])),
                    *(
                        rounded_volume(each[name])
                        for name in ("baseline_ml", "follow_up_ml", "change_ml")
                    ),
                    None if percent is None else round(percent, 2),
                    rounded_volume(each["overlap_ml"]),
                    *each["slices"],
                    *each["centre_mm"],
                ]
            )
