"""The files of a derivative that are about all of its scans."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anofpdm.cohorts.bids.naming import IGNORED
from anofpdm.cohorts.table import rounded_volumes
from anofpdm.common.atomic import atomic_path

_COLUMNS = {
    "participant_id": "Subject.",
    "session_id": "Session, n/a for none.",
    "volume_ml": "Sum of the lesions, in ml.",
    "lesions": "Number of lesions (26-connected).",
    "largest_ml": "Largest lesion, in ml.",
    "unhealthy_slices": "Axial slices classified as unhealthy.",
    "slices": "Axial slices analysed.",
    "flags": "Number of warnings on the scan and of measures unlike the others'.",
}


_README = """# Anomaly segmentation with AnoFPDM

Made by `anofpdm bids`. For each scan: `*_desc-anofpdm_mask.nii.gz` marks anomalies,
`*_desc-anofpdm_anomalymap.nii.gz` is the map that the mask was read from (larger is less like a
healthy brain; it is not a probability), and `*_desc-anofpdm_lesions.tsv` lists the lesions. The
JSON files name sources, model and settings. Research use only; not a medical device.
"""


def write_description(root: Path, dataset: Path, version: str) -> None:
    """Write `dataset_description.json`, `README.md` and `.bidsignore`, if they are not there.

    Parameters
    ----------
    root : Path
        The output folder.
    dataset : Path
        The BIDS folder that the scans come from.
    version : str
        Of anofpdm.

    Raises
    ------
    OutputError
        When they cannot be written.
    """
    description = {
        "Name": "Anomaly segmentation with AnoFPDM",
        "BIDSVersion": "1.9.0",
        "DatasetType": "derivative",
        "GeneratedBy": [
            {
                "Name": "napari-anofpdm",
                "Version": version,
                "CodeURL": "https://github.com/napari-anofpdm/napari-anofpdm",
            }
        ],
        "DatasetLinks": {"raw": os.path.relpath(dataset, root)},
    }
    texts = {
        "dataset_description.json": json.dumps(description, indent=2) + "\n",
        "README.md": _README,
        ".bidsignore": "\n".join((*IGNORED, ".cohort/")) + "\n",
    }
    for name, text in texts.items():
        if not (root / name).exists():
            with atomic_path(root / name, overwrite=True) as pending:
                pending.write_text(text, encoding="utf-8")


def write_group_table(
    root: Path, rows: Sequence[Mapping[str, Any]], flags: Mapping[str, Sequence[str]]
) -> None:
    """Write `scans.tsv` with a line for each scan, and `scans.json`, which explains its columns.

    Parameters
    ----------
    root : Path
        The output folder.
    rows : sequence of mapping
        See `anofpdm.cohorts.table.row_of`.
    flags : mapping
        See `anofpdm.cohorts.report.flags_of`.

    Raises
    ------
    OutputError
        When they cannot be written.
    """
    with atomic_path(root / "scans.tsv", overwrite=True) as pending, pending.open("w") as stream:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(_COLUMNS)
        for row in rows:
            subject, _, session = str(row["scan"]).partition("_")
            flat = {**row, **rounded_volumes(row)}
            numbers = [flat[name] for name in list(_COLUMNS)[2:-1]]
            table.writerow([subject, session or "n/a", *numbers, len(flags[row["scan"]])])
    with atomic_path(root / "scans.json", overwrite=True) as pending:
        described = {name: {"Description": text} for name, text in _COLUMNS.items()}
        pending.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
