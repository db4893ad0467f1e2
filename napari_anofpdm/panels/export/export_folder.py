"""The folder that the Export panel proposes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_anofpdm.host.preferences import folder
from napari_anofpdm.layers.analysis_opener import ANALYSIS_KEY

if TYPE_CHECKING:
    from napari.layers import Layer

    from anofpdm import Analysis

_SUFFIX = "-anofpdm"


def proposed_folder(analysis: Analysis | None, layers: Iterable[Layer]) -> Path:
    """Propose a folder named after the scan: in the preferred place, else beside the scan.

    Parameters
    ----------
    analysis : Analysis or None
        The analysis to export; its first source names the folder.
    layers : iterable of Layer
        Searched for the scan, whose metadata hold its file, or for the stored analysis.
    """
    if analysis is None:
        return folder("exports") or Path.home()
    sources = analysis.metadata.sources
    name = sources[0].name if sources else ""
    stem = name.removesuffix(".gz").removesuffix(".nii") or "results"
    beside = _folder_of_scan(name, analysis, layers)
    return (folder("exports") or beside or Path.home()) / f"{stem}{_SUFFIX}"


def _folder_of_scan(name: str, analysis: Analysis, layers: Iterable[Layer]) -> Path | None:
    for layer in layers:
        volume = layer.metadata.get("volume")
        path = getattr(volume, "path", None)
        if path is not None and volume.name == name:
            return Path(path).absolute().parent
        stored = layer.metadata.get(ANALYSIS_KEY)
        if stored is not None and analysis.path is not None and Path(stored) == analysis.path:
            return analysis.path.absolute().parent
    return None
