"""The content of figures and films, read from a results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from anofpdm.common.errors import AnalysisError, SettingsError
from anofpdm.common.reading import file_bytes
from anofpdm.common.validation import parsed
from anofpdm.method.settings import Settings
from anofpdm.results.folder import ANALYSIS_FOLDER, ANOMALY_MAP_FILE, MASK_FILE, REPORT_FILE
from anofpdm.results.pictures.content import Content, healthy_scan, map_label
from anofpdm.results.pictures.words import found_words
from anofpdm.results.report import FORMAT_VERSION
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.volume import Volume, read_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.analysis.analysis import Analysis

_REMEDY = "run anofpdm segment again"


class _Modality(BaseModel):
    model_config = ConfigDict(frozen=True)

    t_e: int


class _Slice(BaseModel):
    model_config = ConfigDict(frozen=True)

    index: int
    threshold: float | None = None
    modalities: dict[str, _Modality] = Field(default_factory=dict)


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)

    bundle: dict[str, Any]
    sources: tuple[dict[str, Any], ...]
    lesions: dict[str, Any]
    settings: Settings
    slices: tuple[_Slice, ...]


@dataclass(frozen=True)
class StoredResults:
    """A results folder, opened.

    Attributes
    ----------
    folder : Path
    report : dict
        `report.json`.
    settings : Settings
        Those of the result.
    analysis : Analysis or None
        The stored analysis, where there is one.
    """

    folder: Path
    settings: Settings
    analysis: Analysis | None
    _report: _Report

    @classmethod
    def open(cls, folder: Path, analysis: Path | None = None) -> StoredResults:
        """Open a folder that `segment`, `interpret` or the viewer wrote.

        Parameters
        ----------
        folder : Path
        analysis : Path, optional
            The stored analysis that the results are of; by default that of the folder.

        Raises
        ------
        AnalysisError
            When the report is missing or damaged, or the analysis is none.
        """
        from anofpdm.analysis.analysis import Analysis

        path = folder / REPORT_FILE
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise AnalysisError(f"{folder} {what}; give a folder of results.")
        if not path.is_file():
            scan = next((folder / "scans").glob(f"*/{REPORT_FILE}"), None)
            raise AnalysisError(
                f"{folder} holds no {REPORT_FILE}; give a folder that anofpdm segment or "
                "anofpdm interpret wrote."
                if scan is None
                else f"{folder} holds the results of a cohort; give the folder of one of its "
                f"scans, such as {scan.parent}."
            )
        report = parsed(
            _Report,
            file_bytes(path, AnalysisError, _REMEDY),
            str(path),
            version=FORMAT_VERSION,
            what="a report of anofpdm segment",
            remedy=_REMEDY,
            raises=AnalysisError,
        )
        if analysis is None and (folder / ANALYSIS_FOLDER).is_dir():
            analysis = folder / ANALYSIS_FOLDER
        stored = None if analysis is None else Analysis.open(analysis)
        return cls(folder, report.settings, stored, report)

    def content(
        self,
        *,
        scan: Volume | None = None,
        mask: Volume | None = None,
        reference: Volume | None = None,
        healthy: bool = False,
    ) -> Content:
        """Read scan, map and mask.

        Parameters
        ----------
        scan : Volume, optional
            By default the one in the stored analysis.
        mask : Volume, optional
            Shown in place of the folder's mask.
        reference : Volume, optional
            A known lesion.
        healthy : bool
            Whether the healthy predictions are computed, where there is an analysis.

        Raises
        ------
        AnalysisError
            When there is neither a scan nor an analysis, or no mask.
        GeometryError
            When the volumes do not share their voxels.
        """
        shown = self._scan() if scan is None else scan
        if mask is None:
            if not (self.folder / MASK_FILE).is_file():
                raise AnalysisError(f"{self.folder / MASK_FILE} is missing; give --mask.")
            mask = read_volume(self.folder / MASK_FILE)
        map_file = self.folder / ANOMALY_MAP_FILE
        anomaly_map = read_volume(map_file) if map_file.is_file() else None

        def on_scan(volume: Volume | None) -> NDArray[Any] | None:
            return None if volume is None else on_grid_of(shown, volume).data

        anomaly_map_data, found, known = (on_scan(v) for v in (anomaly_map, mask, reference))
        predicted = None
        if healthy and self.analysis is not None:
            grid = self.analysis.geometry.as_volume(
                healthy_scan(self.analysis, self.settings, self.end_steps, shown)
            )
            predicted = on_scan(grid)
        return Content.of(
            shown,
            anomaly_map_data,
            found,
            known,
            predicted,
            threshold=max((each.threshold or 0.0 for each in self._report.slices), default=0.0),
            map_label=map_label("anomaly map H", self.settings),
            title=self._title(),
            footer=f"{self._report.bundle.get('name', '')} "
            f"{self._report.bundle.get('version', '')}, w = {self.settings.guidance:g}",
        )

    @property
    def end_steps(self) -> dict[int, int]:
        """The end step of each slice, of the first scored modality, by its axial index."""
        found = {}
        for each in self._report.slices:
            names = self.analysis.scored[:1] if self.analysis is not None else ()
            known = [each.modalities[name].t_e for name in names if name in each.modalities]
            if known:
                found[each.index] = known[0]
        return found

    def _scan(self) -> Volume:
        if self.analysis is None:
            raise AnalysisError(
                f"{self.folder} holds no {ANALYSIS_FOLDER}, and so no scan; give --scan FILE, or "
                "segment with --keep-analysis."
            )
        modality = self.analysis.scored[0]
        if modality not in self.analysis.native:
            raise SettingsError(
                f"The analysis in {self.folder} holds no {modality} scan; give --scan FILE."
            )
        return self.analysis.geometry.as_volume(
            np.asarray(self.analysis.native[modality]), modality
        )

    def _title(self) -> str:
        lesions = self._report.lesions
        name = next((str(s["name"]) for s in self._report.sources if s.get("name")), "scan")
        volume_ml = float(lesions.get("volume_ml", 0.0))
        return found_words(name, volume_ml, len(lesions.get("components", ())))
