"""A DICOM series read as a volume: voxels, affine, and a header for results."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.scans.dicom.frames import Frame, Header
from anofpdm.scans.dicom.optional import pydicom_for, quiet
from anofpdm.scans.dicom.pixels import PixelError, scaling_of, stored_pixels
from anofpdm.scans.dicom.series import Series, SeriesSource, choose_series, find_series
from anofpdm.scans.files.header_fields import Header as NiftiHeader

_log = logging.getLogger("anofpdm.scans.dicom")


@dataclass(frozen=True, eq=False)
class SeriesVolume:
    """A series' voxels and where they lie.

    Attributes
    ----------
    data : ndarray, shape (columns, rows, slices)
        Real values: integers as stored where nothing scales them, else float32.
    affine : ndarray, shape (4, 4), float64
        Voxel index to RAS mm.
    header : nibabel.Nifti1Header
        That geometry, for results; both forms with code 1 (scanner).
    source : SeriesSource
        What was read.
    warnings : tuple of str
        Sentences on what may spoil a result.
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]
    header: NiftiHeader
    source: SeriesSource
    warnings: tuple[str, ...] = ()


def load_dicom(path: Path, wanted: str | None = None, modality: str | None = None) -> SeriesVolume:
    """Read one series.

    Parameters
    ----------
    path : Path
        A folder, a DICOMDIR, a zip, or one file of the series.
    wanted, modality
        Which series, see `choose_series`.

    Raises
    ------
    VolumeError
        When there is no such series, several fit, it is no volume, or its pixels cannot be read.
    """
    found = find_series(path)
    series = choose_series(found, wanted, modality, path)
    if wanted is None and len(found) > 1:
        _log.info("Reading %s of %d series.", series.summary, len(found))
    return load_series(series, modality)


def load_series(series: Series, modality: str | None = None) -> SeriesVolume:
    """Read the voxels of a series that was found; see `load_dicom`."""
    stack = series.stack
    if stack is None:
        raise VolumeError(f"{series.files.path}: series {series.key} {series.fault}")
    planes, scales, digest, inverted = _read_planes(series, stack.frames)
    shape = stack.shape
    if any(plane.shape != (shape[1], shape[0]) for plane in planes):
        raise VolumeError(
            f"{series.files.path}: series {series.key} has images whose pixels do not fit their "
            "headers; export it again."
        )
    warnings = _warnings(series, modality)
    if set(scales) == {(1.0, 0.0)}:
        data = np.stack(planes, axis=-1).swapaxes(0, 1)
    else:
        data = np.empty(shape, dtype=np.float32)
        for k, (plane, (slope, intercept)) in enumerate(zip(planes, scales, strict=True)):
            data[:, :, k] = (plane.astype(np.float64) * slope + intercept).T
    if inverted:
        data = np.asarray(data.max() - data) if data.dtype.kind == "u" else np.asarray(-data)
        warnings += (f"{series.label} shows low values bright (MONOCHROME1) and was inverted.",)
    header = _header(stack.affine, shape)
    return SeriesVolume(data, stack.affine, header, SeriesSource(series, digest), warnings)


def _read_planes(
    series: Series, frames: tuple[Frame, ...]
) -> tuple[list[NDArray[Any]], list[tuple[float, float]], str, bool]:
    """Pixels and scaling of each slice, the hash of all files, and whether they are inverted."""
    pydicom = pydicom_for(series.files.path)
    whole: dict[str, tuple[Header, NDArray[Any]]] = {}
    several = {frame.file for frame in frames if frame.index}
    planes, scales, digest, inverted = [], [], hashlib.sha256(), False
    with series.files.opened() as opened, quiet():
        for number, frame in enumerate(frames, start=1):
            if frame.file not in whole:
                try:
                    with opened.open(frame.file) as stream:
                        digest.update(hashlib.sha256(stream.read()).digest())
                        stream.seek(0)
                        image = pydicom.dcmread(stream, force=True)
                        whole[frame.file] = image, stored_pixels(image)
                except (PixelError, OSError, EOFError, ValueError, AttributeError) as error:
                    why = str(error) if isinstance(error, PixelError) else "cannot be read."
                    raise VolumeError(
                        f"{series.files.path}: image {number} of {len(frames)} of series "
                        f"{series.key} {why}"
                    ) from error
            image, pixels = whole[frame.file]
            if frame.index >= len(pixels):
                raise VolumeError(
                    f"{series.files.path}: series {series.key} has fewer frames than its header "
                    "says; export it again."
                )
            planes.append(pixels[frame.index])
            scales.append(scaling_of(image, frame.index))
            inverted = image.get("PhotometricInterpretation") == "MONOCHROME1"
            if not several:
                del whole[frame.file]
    return planes, scales, digest.hexdigest(), inverted


def _warnings(series: Series, modality: str | None) -> tuple[str, ...]:
    assert series.stack is not None
    found = []
    if modality and series.modality and modality != series.modality:
        found.append(
            f"{series.label} is read as {modality}, but its header looks like {series.modality}."
        )
    if series.stack.tilt_degrees:
        found.append(
            f"{series.label} has slices that are shifted against each other (gantry tilt of "
            f"{series.stack.tilt_degrees:.1f} degrees). The sform of results holds that exactly; "
            "programs that read the qform alone, or refuse sheared voxels, will not."
        )
    if series.stack.copies:
        found.append(f"{series.label} has {series.stack.copies} images twice; each was taken once.")
    return tuple(found)


def _header(affine: NDArray[np.float64], shape: tuple[int, ...]) -> NiftiHeader:
    header = nib.Nifti1Image(np.broadcast_to(np.uint8(0), shape), affine).header
    header.set_sform(affine, code="scanner")
    header.set_qform(affine, code="scanner", strip_shears=True)
    header.set_xyzt_units("mm")
    return header
