"""A DICOM series read as a volume: voxels, affine, and a header for results."""

from __future__ import annotations

import hashlib
import io
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.common.reading import reading
from anofpdm.scans.dicom.decoder import Decoder
from anofpdm.scans.dicom.frames import Frame, Header
from anofpdm.scans.dicom.optional import quiet
from anofpdm.scans.dicom.parsing import LARGEST_HEADER, parse
from anofpdm.scans.dicom.pixels import PixelError, needs_decoder, scaling_of, stored_pixels
from anofpdm.scans.dicom.series import Series, SeriesSource, choose_series, find_series
from anofpdm.scans.files.bounded_file import check_memory
from anofpdm.scans.files.header_fields import Header as NiftiHeader
from anofpdm.scans.files.physical_limits import check_physical

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
        When there is no such series, several fit, it is no volume, its pixels cannot be read, or
        memory does not suffice.
    GeometryError
        When its space is not that of an MRI of the head.
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
    shape = stack.shape
    check_physical(stack.affine, shape, series.label)
    # Stored pixels, and the same as float32.
    check_memory(series.files.path, 6 * math.prod(shape))
    planes, scales, digest, shadings = _read_planes(series, stack.frames)
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
    if len(shadings) > 1:
        raise VolumeError(
            f"{series.files.path}: series {series.key} has images that show low values bright and "
            "others that show them dark (MONOCHROME1 and 2); export it again."
        )
    if "MONOCHROME1" in shadings:
        data = _inverted(data)
        warnings += (f"{series.label} shows low values bright (MONOCHROME1) and was inverted.",)
    header = _header(stack.affine, shape)
    return SeriesVolume(data, stack.affine, header, SeriesSource(series, digest), warnings)


def _read_planes(
    series: Series, frames: tuple[Frame, ...]
) -> tuple[list[NDArray[Any]], list[tuple[float, float]], str, set[str]]:
    """Pixels and scaling of each slice, the hash of all files, and how these show low values."""
    # Of 8 bytes a pixel at most.
    largest = LARGEST_HEADER + 8 * math.prod(frames[0].matrix) * frames[0].of
    whole: dict[str, tuple[Header, NDArray[Any]]] = {}
    several = {frame.file for frame in frames if frame.index}
    planes, scales, digest = [], [], hashlib.sha256()
    shadings: set[str] = set()
    with series.files.opened() as opened, Decoder() as decoder, quiet():
        for number, frame in enumerate(frames, start=1):
            if frame.file not in whole:
                try:
                    with opened.open(frame.file) as stream:
                        content = stream.read(largest + 1)
                        if len(content) > largest:
                            raise PixelError("is far larger than its header says; copy it again.")
                        digest.update(hashlib.sha256(content).digest())
                        image = parse(io.BytesIO(content), pixels=largest, force=True)
                        pixels = (
                            decoder.pixels(content)
                            if needs_decoder(image)
                            else stored_pixels(image)
                        )
                        whole[frame.file] = image, pixels
                except Exception as error:  # whatever a decoder meets in a damaged file
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
            name = f"{series.files.path}: image {number} of {len(frames)} of series {series.key}"
            # pydicom reads an element only when it is asked for.
            with reading(name, VolumeError, "export it again"):
                scales.append(scaling_of(image, frame.index))
                shadings.add(str(image.get("PhotometricInterpretation", "MONOCHROME2")))
            if not several:
                del whole[frame.file]
    return planes, scales, digest.hexdigest(), shadings


def _inverted(data: NDArray[Any]) -> NDArray[Any]:
    """Mirror values, so that the largest, shown black (PS3.3 C.7.6.3.1.2), becomes 0."""
    if data.dtype.kind == "i":  # the difference of two may need one bit more
        data = data.astype(np.int64) if data.dtype.itemsize > 2 else data.astype(np.int32)
    return np.asarray(data.max() - data)


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
