"""Readers: NIfTI scans and masks, and stored analyses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from uuid import uuid4

from napari_anofpdm.host.notify import sentence_of, show_error
from napari_anofpdm.layers.analysis_opener import ANALYSIS_KEY, READING_KEY
from napari_anofpdm.layers.mask_guess import as_labels, looks_like_mask
from napari_anofpdm.layers.scan_layers import scan_layer_data
from napari_anofpdm.space.layer_volume import LayerData, layer_data

Paths = str | Sequence[str]
NoLayer = tuple[None]
Reader = Callable[[Paths], Sequence[LayerData | NoLayer]]

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ANALYSIS_SUFFIX = ".anofpdm.zarr"
# For napari: the file was handled, but there is no layer to show.
_NOTHING: NoLayer = (None,)


def get_nifti_reader(path: Paths) -> Reader | None:
    """Return the reader of NIfTI files, or None for other files.

    An unusable file shows one error message and gives no layer.
    """
    return _read_nifti if _all_end_with(path, NIFTI_SUFFIXES) else None


def get_analysis_reader(path: Paths) -> Reader | None:
    """Return the reader of folders NAME.anofpdm.zarr, or None for others.

    The layers are the scans stored in the analysis. Their metadata hold its path
    (``anofpdm_analysis``), from which the viewer's session opens it.
    """
    return _read_analyses if _all_end_with(path, (ANALYSIS_SUFFIX,)) else None


def nifti_layer(path: str | Path) -> LayerData:
    """Read one NIfTI file as an image, or as labels if its values are those of a mask.

    Raises
    ------
    AnofpdmError
        If it is not a usable volume.
    """
    from dataclasses import replace

    from anofpdm import read_volume

    volume = read_volume(path)
    name = _stem(path, NIFTI_SUFFIXES)
    if looks_like_mask(volume.data):
        data, attributes, kind = layer_data(
            replace(volume, data=as_labels(volume.data)), name, "labels"
        )
        if data.max() == 1:  # several labels keep napari's colours
            from napari_anofpdm.layers.layer_making import drawn_mask_colours

            attributes["colormap"] = drawn_mask_colours()
        return data, attributes, kind
    return layer_data(volume, name, "image")


def analysis_layers(path: str | Path) -> list[LayerData]:
    """Open a stored analysis and return its scans, or the brain if it stores no scans.

    Raises
    ------
    AnofpdmError
        If it is not a usable analysis.
    """
    from anofpdm import Analysis

    analysis = Analysis.open(path)
    layers = scan_layer_data(analysis, _stem(path, (ANALYSIS_SUFFIX,)))
    reading = uuid4().hex
    for _, attributes, _ in layers:
        attributes["metadata"] |= {ANALYSIS_KEY: str(path), READING_KEY: reading}
    return layers


def _read_nifti(path: Paths) -> Sequence[LayerData | NoLayer]:
    return _read(path, lambda each: [nifti_layer(each)], "reading the file")


def _read_analyses(path: Paths) -> Sequence[LayerData | NoLayer]:
    return _read(path, analysis_layers, "opening the analysis")


def _read(
    paths: Paths, layers_of: Callable[[str], Iterable[LayerData]], doing: str
) -> Sequence[LayerData | NoLayer]:
    layers: list[LayerData] = []
    for path in _listed(paths):
        try:
            layers.extend(layers_of(path))
        except Exception as error:
            # napari shortens messages until they are clicked: use the name, not the whole path.
            show_error(sentence_of(error, doing).replace(path, Path(path).name))
    return layers or [_NOTHING]


def _listed(paths: Paths) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)


def _all_end_with(paths: Paths, suffixes: tuple[str, ...]) -> bool:
    names = [path.rstrip("/\\").lower() for path in _listed(paths)]
    return bool(names) and all(name.endswith(suffixes) for name in names)


def _stem(path: str | Path, suffixes: tuple[str, ...]) -> str:
    name = Path(path).name
    suffix = max((s for s in suffixes if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(suffix)] or name
