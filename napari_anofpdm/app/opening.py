"""Readers and sample data for the manifest: they set up the viewer before layers are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.app.workspace import panel_named, show_panel
from napari_anofpdm.io import readers, sample_data

if TYPE_CHECKING:
    from napari_anofpdm.io.readers import NoLayer, Paths, Reader
    from napari_anofpdm.space.layer_volume import LayerData


def get_scan_reader(path: Paths) -> Reader | None:
    """Return the reader of scan files; see `napari_anofpdm.io.readers`."""
    return _preparing(readers.get_scan_reader(path))


def get_dicom_reader(path: Paths) -> Reader | None:
    """Return the reader of DICOM; see `napari_anofpdm.io.readers`."""
    return _preparing(readers.get_dicom_reader(path))


def get_analysis_reader(path: Paths) -> Reader | None:
    """Return the reader of stored analyses; see `napari_anofpdm.io.readers`."""
    return _preparing(readers.get_analysis_reader(path))


def get_comparison_reader(path: Paths) -> Reader | None:
    """Return the reader of comparisons; it also shows the panel of their lesions."""
    read = _preparing(readers.get_comparison_reader(path))
    if read is None:
        return None

    def read_and_show(paths: Paths) -> Sequence[LayerData | NoLayer]:
        import napari

        layers, viewer = read(paths), napari.current_viewer()
        if viewer is not None and any(len(layer) > 1 for layer in layers):
            show_panel(viewer, panel_named("Compare"))
        return layers

    return read_and_show


def phantom_patient() -> list[LayerData]:
    """Make a synthetic FLAIR scan with lesions; see `napari_anofpdm.io.sample_data`."""
    _prepare_current_viewer()
    return sample_data.phantom_patient()


def phantom_healthy() -> list[LayerData]:
    """Make a synthetic FLAIR scan without lesions; see `napari_anofpdm.io.sample_data`."""
    _prepare_current_viewer()
    return sample_data.phantom_healthy()


def _preparing(reader: Reader | None) -> Reader | None:
    if reader is None:
        return None

    def read(paths: Paths) -> Sequence[LayerData | NoLayer]:
        layers = reader(paths)
        if any(len(layer) > 1 for layer in layers):
            _prepare_current_viewer()
        return layers

    return read


def _prepare_current_viewer() -> None:
    """Prepare the viewer that the layers will be added to, if there is one."""
    import napari

    viewer = napari.current_viewer()
    if viewer is not None:
        prepare(viewer)
