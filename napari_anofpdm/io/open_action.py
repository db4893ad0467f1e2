"""Open scans and stored analyses with the plugin's own commands and readers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from anofpdm.scans.dicom.file_set import SUFFIXES as DICOM_SUFFIXES
from anofpdm.scans.files.suffixes import SUFFIXES
from napari_anofpdm.host.preferences import PLUGIN
from napari_anofpdm.host.reader_preference import offer_reader_preference

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Layer

_ENDINGS = " ".join(f"*{suffix}" for suffix in (*SUFFIXES, *DICOM_SUFFIXES))
_SCANS = f"Scans ({_ENDINGS} DICOMDIR);;All files (*)"


def open_files(viewer: napari.viewer.Viewer) -> list[Layer]:
    """Ask for scan files and open them as scans and masks.

    Returns
    -------
    list of napari.layers.Layer
        The added layers; empty if the dialog was cancelled or no file was usable.
    """
    from napari.utils.history import update_open_history
    from qtpy.QtWidgets import QFileDialog

    from napari_anofpdm.host.parent_window import parent_window

    parent = parent_window()
    paths, _ = QFileDialog.getOpenFileNames(parent, "Open scans", _start_folder(), _SCANS)
    layers = open_paths(viewer, paths)
    if layers:
        update_open_history(paths[0])
        offer_reader_preference(parent)
    return layers


def open_dicom(viewer: napari.viewer.Viewer) -> list[Layer]:
    """Ask for a folder with DICOM images and open the series chosen in it.

    Returns
    -------
    list of napari.layers.Layer
        The added layers; empty if a dialog was cancelled or there was nothing usable.
    """
    from qtpy.QtWidgets import QFileDialog

    from napari_anofpdm.host.notify import show_error
    from napari_anofpdm.host.parent_window import parent_window
    from napari_anofpdm.io.dicom_reader import holds_dicom_images

    path = QFileDialog.getExistingDirectory(
        parent_window(), "Open a folder of DICOM images", _start_folder()
    )
    if path and not holds_dicom_images([path]):
        show_error(f"{Path(path).name} holds no DICOM images; choose the folder of the images.")
        return []
    return open_paths(viewer, [path] if path else [])


def open_analysis(viewer: napari.viewer.Viewer) -> list[Layer]:
    """Ask for a folder NAME.anofpdm.zarr and open the analysis in it.

    Returns
    -------
    list of napari.layers.Layer
        The scans of the analysis; empty if the dialog was cancelled or it was unusable.
    """
    from qtpy.QtWidgets import QFileDialog

    from napari_anofpdm.host.notify import show_error
    from napari_anofpdm.host.parent_window import parent_window
    from napari_anofpdm.io.readers import ANALYSIS_SUFFIX

    parent = parent_window()
    path = QFileDialog.getExistingDirectory(
        parent, "Open an analysis (a folder NAME.anofpdm.zarr)", _start_folder()
    )
    if path and not path.endswith(ANALYSIS_SUFFIX):
        show_error(f"{path} is not a stored analysis; choose a folder NAME{ANALYSIS_SUFFIX}.")
        return []
    return open_paths(viewer, [path] if path else [])


def open_comparison(viewer: napari.viewer.Viewer) -> list[Layer]:
    """Ask for a folder that ``anofpdm follow-up`` wrote and open the comparison in it.

    Returns
    -------
    list of napari.layers.Layer
        The baseline; empty if the dialog was cancelled or the folder was unusable.
    """
    from qtpy.QtWidgets import QFileDialog

    from napari_anofpdm.host.notify import show_error
    from napari_anofpdm.host.parent_window import parent_window
    from napari_anofpdm.io.readers import get_comparison_reader

    path = QFileDialog.getExistingDirectory(
        parent_window(), "Open a comparison of two examinations", _start_folder()
    )
    if path and get_comparison_reader(path) is None:
        show_error(
            f"{Path(path).name} holds no comparison; choose a folder that anofpdm follow-up wrote."
        )
        return []
    return open_paths(viewer, [path] if path else [])


def open_paths(viewer: napari.viewer.Viewer, paths: Iterable[str | Path]) -> list[Layer]:
    """Open scan files and stored analyses with the readers of this plugin.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    paths : iterable of str or Path
        Each unreadable path shows one error message and is left out.
    """
    from napari_anofpdm.io.readers import without_pair_partners

    chosen = without_pair_partners(map(str, paths))
    return [layer for path in chosen for layer in viewer.open(path, plugin=PLUGIN)]


def _start_folder() -> str:
    from napari.utils.history import get_open_history

    return next(iter(get_open_history()), str(Path.home()))
