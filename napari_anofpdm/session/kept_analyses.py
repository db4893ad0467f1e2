"""`KeptAnalyses`: the analyses of scans out of view, and the settings last used for each scan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_anofpdm.session.lesion_reviews import LesionReviews

if TYPE_CHECKING:
    from anofpdm import Analysis, Interpretation, Settings
    from anofpdm.results.native import NativeResult
    from napari_anofpdm.session.scan import Scan


@dataclass
class KeptAnalysis:
    """An analysis, with what the user chose for it and what was found.

    The attributes are those of `Session`.
    """

    analysis: Analysis
    settings: Settings | None
    calibrated: Settings | None
    done: set[int]
    step: int = 0
    step_chosen: bool = False
    modality: str | None = None
    shown_anyway: frozenset[int] = frozenset()
    reviews: LesionReviews = field(default_factory=LesionReviews)
    volume_result: Interpretation | None = None
    native: NativeResult | None = None
    native_found: NativeResult | None = None
    edited: NativeResult | None = None


class KeptAnalyses:
    """At most one analysis per scan, and the settings of the scan's last one."""

    def __init__(self) -> None:
        self._kept: dict[Scan | None, KeptAnalysis] = {}
        self._former: dict[Scan | None, tuple[str, Settings]] = {}

    @property
    def scans(self) -> list[Scan]:
        """The scans with an analysis here, the latest last."""
        return [scan for scan in self._kept if scan is not None]

    def of(self, scan: Scan | None) -> Analysis | None:
        """Return the analysis of a scan, if it is here."""
        kept = self._kept.get(scan)
        return None if kept is None else kept.analysis

    def holds(self, analysis: Analysis) -> bool:
        """Return whether an analysis is here."""
        return any(kept.analysis is analysis for kept in self._kept.values())

    def put(self, scan: Scan | None, kept: KeptAnalysis) -> None:
        """Keep the analysis of a scan, in place of an earlier one."""
        self._kept[scan] = kept

    def take(self, scan: Scan | None) -> KeptAnalysis | None:
        """Hand out the analysis of a scan; it is then no longer here."""
        return self._kept.pop(scan, None)

    def drop(self, analysis: Analysis) -> None:
        """Let go of an analysis."""
        self._kept = {s: kept for s, kept in self._kept.items() if kept.analysis is not analysis}

    def replace(self, growing: Analysis, analysis: Analysis) -> None:
        """Put the complete form of an analysis in the place of the growing one."""
        for kept in self._kept.values():
            if kept.analysis is growing:
                kept.analysis = analysis

    def add_done(self, positions: Iterable[int], analysis: Analysis) -> None:
        """Take note of slices of an analysis whose steps are now computed."""
        for kept in self._kept.values():
            if kept.analysis is analysis:
                kept.done.update(positions)

    def remember(self, scan: Scan | None, analysis: Analysis, settings: Settings | None) -> None:
        """Remember the settings of a scan for its next analysis."""
        if settings is not None:
            self._former[scan] = (analysis.metadata.bundle_hash, settings)

    def former_settings(self, scan: Scan | None, analysis: Analysis) -> Settings | None:
        """Return the settings of a scan's last analysis, where they suit a new one."""
        if scan in self._kept:
            self.remember(scan, self._kept[scan].analysis, self._kept[scan].settings)
        model, settings = self._former.get(scan, ("", None))
        if settings is None or model != analysis.metadata.bundle_hash:
            return None
        fits = settings.end_step is None or settings.end_step in analysis.timesteps
        return settings if fits else None
