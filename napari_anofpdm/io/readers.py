"""Readers: scans and masks of every format that the core reads, and stored analyses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from anofpdm.scans.files.suffixes import PAIR_SUFFIXES, SUFFIXES, stem_of
from napari_anofpdm.host.notify import sentence_of, show_error
from napari_anofpdm.layers.analysis_opener import ANALYSIS_KEY, READING_KEY
from napari_anofpdm.layers.roles import FOUND_KEY
from napari_anofpdm.layers.scan_layers import scan_layer_data
from napari_anofpdm.space.layer_volume import LayerData, layer_data
from napari_anofpdm.space.mask_guess import as_labels, looks_like_mask

if TYPE_CHECKING:
    from anofpdm import Volume

Paths = str | Sequence[str]
NoLayer = tuple[None]
Reader = Callable[[Paths], Sequence[LayerData | NoLayer]]

ANALYSIS_SUFFIX = ".anofpdm.zarr"
# For napari: the file was handled, but there is no layer to show.
_NOTHING: NoLayer = (None,)


def get_scan_reader(path: Paths) -> Reader | None:
    """Return the reader of scan files, or None for other files.

    An unusable file shows one error message and gives no layer.
    """
    return _read_scans if _all_end_with(path, SUFFIXES) else None


def get_analysis_reader(path: Paths) -> Reader | None:
    """Return the reader of folders NAME.anofpdm.zarr, or None for others.

    The layers are the scans stored in the analysis. Their metadata hold its path
    (``anofpdm_analysis``), from which the viewer's session opens it.
    """
    return _read_analyses if _all_end_with(path, (ANALYSIS_SUFFIX,)) else None


def get_dicom_reader(path: Paths) -> Reader | None:
    """Return the reader of DICOM folders, files, DICOMDIRs and zips, or None for others.

    See `dicom_layers`; an unusable one shows one error message and gives no layer.
    """
    from napari_anofpdm.io.dicom_reader import holds_dicom_images

    return _read_dicom if holds_dicom_images(_listed(path)) else None


def get_comparison_reader(path: Paths) -> Reader | None:
    """Return the reader of a folder that ``anofpdm follow-up`` wrote, or None for others.

    The table in the folder stands for it.
    """
    folders = [_folder_of(each) for each in _listed(path)]
    # Looked at without the core's reader: napari asks about every file and folder.
    return _read_comparison if len(folders) == 1 and _holds_comparison(folders[0]) else None


def scan_file_layers(path: str | Path) -> list[LayerData]:
    """Read a scan file: one layer for each of its channels.

    Each is an image, or labels if its values are those of a mask. A channel is called after the
    file, its number from 0, and the modality that its dataset names, as in "BRATS_001:0 flair".

    Raises
    ------
    AnofpdmError
        If it is not a usable volume, nor several channels of one.
    """
    from anofpdm.scans.volume import read_channels

    return [_volume_layer(volume, _layer_name(volume, path)) for volume in read_channels(path)]


def without_pair_partners(paths: Iterable[str]) -> list[str]:
    """Leave out the second file of a pair (.hdr and .img) of which both are listed."""
    kept: dict[tuple[str, bool], str] = {}
    for path in paths:
        plain = path.lower().removesuffix(".gz")
        in_pair = plain.endswith(PAIR_SUFFIXES)
        key = path[: len(plain) - len(PAIR_SUFFIXES[0])] if in_pair else path
        kept.setdefault((key, in_pair), path)
    return list(kept.values())


def analysis_layers(path: str | Path) -> list[LayerData]:
    """Open a stored analysis and return its scans, or the brain if it stores no scans.

    Raises
    ------
    AnofpdmError
        If it is not a usable analysis.
    """
    from anofpdm import Analysis

    analysis = Analysis.open(path)
    layers = scan_layer_data(analysis, Path(path).name.removesuffix(ANALYSIS_SUFFIX))
    reading = uuid4().hex
    for _, attributes, _ in layers:
        attributes["metadata"] |= {ANALYSIS_KEY: str(path), READING_KEY: reading}
    return layers


def comparison_layers(path: str | Path) -> list[LayerData]:
    """Read a stored comparison and return its baseline, which carries the rest with it.

    Raises
    ------
    AnofpdmError
        If it is not a usable comparison.
    """
    from anofpdm.results.follow_up.stored import read_follow_up

    folder = _folder_of(path)
    found = read_follow_up(folder)
    name = f"{folder.name} baseline"
    data, attributes, kind = layer_data(found.scan("baseline"), name, "image")
    attributes["metadata"][FOUND_KEY] = found
    return [(data, attributes, kind)]


def _volume_layer(volume: Volume, name: str) -> LayerData:
    if not looks_like_mask(volume.data):
        return layer_data(volume, name, "image")
    labels = replace(volume, data=as_labels(volume.data))
    data, attributes, kind = layer_data(labels, name, "labels")
    if data.max() == 1:  # several labels keep napari's colours
        from napari_anofpdm.layers.layer_making import drawn_mask_colours

        attributes["colormap"] = drawn_mask_colours()
    return data, attributes, kind


def _layer_name(volume: Volume, path: str | Path) -> str:
    name = stem_of(Path(path).name)
    if volume.channel is None:
        return name
    return " ".join(filter(None, (f"{name}:{volume.channel}", volume.modality)))


def _read_scans(path: Paths) -> Sequence[LayerData | NoLayer]:
    return _read(without_pair_partners(_listed(path)), scan_file_layers, "reading the file")


def _read_dicom(path: Paths) -> Sequence[LayerData | NoLayer]:
    from napari_anofpdm.io.dicom_reader import dicom_layers

    return _read(path, dicom_layers, "reading DICOM")


def _read_analyses(path: Paths) -> Sequence[LayerData | NoLayer]:
    return _read(path, analysis_layers, "opening the analysis")


def _read_comparison(path: Paths) -> Sequence[LayerData | NoLayer]:
    return _read(path, comparison_layers, "opening the comparison")


def _folder_of(path: str | Path) -> Path:
    return Path(path).parent if Path(path).name == "follow_up.csv" else Path(path)


def _holds_comparison(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("changes.nii.gz", "follow_up.csv"))


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
