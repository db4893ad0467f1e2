"""The reader of DICOM folders, files, DICOMDIRs and zips; several series are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_anofpdm.space.layer_volume import LayerData, layer_data

if TYPE_CHECKING:
    from anofpdm.scans.dicom.series import Series


def holds_dicom_images(paths: Iterable[str]) -> bool:
    """Whether each path is DICOM; the files of a folder are looked at, not its name."""
    from anofpdm.scans.dicom.file_set import holds_dicom

    return all(holds_dicom(Path(path)) for path in paths)


def dicom_layers(path: str | Path) -> list[LayerData]:
    """Read the series at a path: one image layer each, named by number and contrast.

    Several usable series are offered in a dialog. Of a single file that belongs to a series in the
    current viewer nothing is read, since each dropped file comes as a path of its own.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of LayerData
        Empty if the dialog was cancelled, or the series is there already.

    Raises
    ------
    AnofpdmError
        If there is no usable series.
    """
    from anofpdm.scans.dicom.series import find_series

    path = Path(path)
    if path.is_file() and _is_open(path):
        return []
    return [_layer(series) for series in _chosen(find_series(path), path)]


def _chosen(found: Sequence[Series], path: Path) -> Sequence[Series]:
    from qtpy.QtWidgets import QApplication

    from anofpdm.scans.dicom.series import choose_series

    usable = [series for series in found if series.fault is None]
    if len(usable) < 2 or QApplication.instance() is None:
        return [choose_series(found, None, None, path)]
    from napari_anofpdm.host.parent_window import parent_window
    from napari_anofpdm.widgets.series_dialog import ask_for_series

    return ask_for_series(found, parent_window())


def _layer(series: Series) -> LayerData:
    from anofpdm.scans.volume import read_series

    volume = read_series(series, series.modality)
    name = " ".join(filter(None, (series.label, series.modality)))
    return layer_data(volume, name, "image")


def _is_open(path: Path) -> bool:
    import napari

    viewer = napari.current_viewer()
    for layer in () if viewer is None else viewer.layers:
        source = getattr(layer.metadata.get("volume"), "source", None)
        if source is None or source.series.stack is None:
            continue
        files, folder = source.series.files, source.series.files.folder
        if folder is None or files.only is None:
            continue
        if any(folder / frame.file == path for frame in source.series.stack.frames):
            return True
    return False
