"""Names of results in a BIDS derivative, and the sidecars of mask and map."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anofpdm.cohorts.naming import THUMBNAIL_FILE
from anofpdm.cohorts.scan import CohortScan
from anofpdm.results.folder import (
    ANOMALY_MAP_FILE,
    BRAIN_MASK_FILE,
    FUSED_MAP_FILE,
    LESION_TABLE_FILE,
    MASK_FILE,
    PICTURE_FILE,
    REPORT_FILE,
)

if TYPE_CHECKING:
    from anofpdm.segmentation.segment import Segmented

_RENAMED = {
    MASK_FILE: "desc-anofpdm_mask.nii.gz",
    ANOMALY_MAP_FILE: "desc-anofpdm_anomalymap.nii.gz",
    FUSED_MAP_FILE: "desc-anofpdmfused_anomalymap.nii.gz",
    BRAIN_MASK_FILE: "desc-brain_mask.nii.gz",
    PICTURE_FILE: "desc-anofpdm_report.png",
    REPORT_FILE: "desc-anofpdm_report.json",
    THUMBNAIL_FILE: "desc-anofpdm_thumbnail.jpg",
}
_MASK_SIDECAR = "desc-anofpdm_mask.json"
_MAP_SIDECAR = "desc-anofpdm_anomalymap.json"
_BRAIN_SIDECAR = "desc-brain_mask.json"
_LESIONS = "desc-anofpdm_lesions.tsv"
_RECORD = "desc-anofpdm_record.json"
IGNORED = (
    "*_anomalymap.*",
    "*_desc-anofpdm_lesions.tsv",
    "*_desc-anofpdm_record.json",
    "*_desc-anofpdm_report.*",
    "*_desc-anofpdm_thumbnail.jpg",
    "failures.csv",
    "report.html",
    "scans.json",
    "scans.tsv",
    "summary.*",
)
"""What a validator is to leave alone: BIDS has no names for maps of anomaly, tables of lesions and
pictures."""


@dataclass(frozen=True)
class BidsNaming:
    """Results in `sub-*/[ses-*/]anat`, each name beginning with those of subject and session.

    Attributes
    ----------
    dataset : Path
        The BIDS folder that the scans come from.
    """

    dataset: Path

    def folder(self, name: str) -> Path:
        """Folder of a scan, relative to the output folder."""
        subject, _, session = name.partition("_")
        return Path(subject, *filter(None, (session,)), "anat")

    def record(self, name: str) -> str:
        """Name of the scan's record in its folder."""
        return f"{name}_{_RECORD}"

    def thumbnail(self, name: str) -> str:
        """Name of the scan's thumbnail in its folder."""
        return f"{name}_{_RENAMED[THUMBNAIL_FILE]}"

    def results(self, name: str) -> tuple[str, ...]:
        """Names of all files that may be written into its folder."""
        sidecars = (_MASK_SIDECAR, _MAP_SIDECAR, _BRAIN_SIDECAR, _LESIONS, _RECORD)
        return tuple(f"{name}_{each}" for each in (*_RENAMED.values(), *sidecars))

    def arrange(self, staging: Path, scan: CohortScan, found: Segmented) -> None:
        """Give the results of `segment` their names, and write the sidecars."""
        for before, after in _RENAMED.items():
            if (staging / before).exists():
                (staging / before).rename(staging / f"{scan.name}_{after}")
        _as_tsv(staging / LESION_TABLE_FILE, staging / f"{scan.name}_{_LESIONS}")
        common = self._common(scan, found.report)
        _write(
            staging / f"{scan.name}_{_MASK_SIDECAR}",
            {
                "Type": "Lesion",
                "Description": "Voxels marked as an anomaly, for research only.",
                **common,
            },
        )
        described = {
            "Description": "Anomaly map of AnoFPDM; larger is less like a healthy brain. It is "
            "not a probability.",
            **common,
        }
        _write(staging / f"{scan.name}_{_MAP_SIDECAR}", described)
        if (staging / f"{scan.name}_{_RENAMED[BRAIN_MASK_FILE]}").exists():
            _write(
                staging / f"{scan.name}_{_BRAIN_SIDECAR}",
                {
                    "Type": "Brain",
                    "Description": "The brain, extracted before the segmentation.",
                    **common,
                },
            )

    def records(self, root: Path) -> Iterator[Path]:
        """Yield the records of all finished scans below an output folder."""
        for pattern in ("sub-*/anat", "sub-*/ses-*/anat"):
            yield from sorted(root.glob(f"{pattern}/*_{_RECORD}"))

    def _common(self, scan: CohortScan, report: dict[str, Any]) -> dict[str, Any]:
        sources = [
            f"bids:raw:{file.path.relative_to(self.dataset).as_posix()}"
            for file in scan.files.values()
            if file.path.is_relative_to(self.dataset)
        ]
        return {
            "Sources": sources,
            "SpatialReference": "orig",
            "Model": report["bundle"],
            "Settings": report["settings"],
            "Analysis": report["analysis"],
            "Preparation": report["preparation"],
            "Warnings": report["warnings"],
        }


def _as_tsv(source: Path, target: Path) -> None:
    with source.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    with target.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter="\t", lineterminator="\n").writerows(
            [cell or "n/a" for cell in row] for row in rows
        )
    source.unlink()


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
