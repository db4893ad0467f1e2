"""Pixels of slices, decoded and in the scanner's units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.scans.dicom.frames import Header, numbers

PHILIPS = "Philips MR Imaging DD 001"
"""Private creator of the group that holds Philips' scaling."""
_PHILIPS_DD_005 = "Philips MR Imaging DD 005"


DAMAGED = "is truncated or damaged; copy or export it again."


class PixelError(Exception):
    """Why pixels cannot be decoded, as the end of a sentence."""


def stored_pixels(image: Header) -> NDArray[Any]:
    """Decode all frames of an image, as they are stored.

    Parameters
    ----------
    image : pydicom.Dataset
        With its pixels, of any transfer syntax: implicit, big-endian, deflated, RLE, or
        compressed by JPEG (lossless or not), JPEG-LS and JPEG 2000 (by GDCM).

    Returns
    -------
    ndarray, shape (frames, rows, columns)

    Raises
    ------
    PixelError
        When they are cut off, absent, or of a syntax that nothing installed decodes.
    """
    from pydicom.pixels.utils import pixel_array

    if "PixelData" not in image:
        raise PixelError("has no pixels; export it again.")
    _silence_gdcm()
    try:
        pixels = np.asarray(pixel_array(image))
    except (RuntimeError, NotImplementedError) as error:
        if "missing dependencies" in str(error) or "no pixel data decoders" in str(error).lower():
            name = image.file_meta.TransferSyntaxUID.name
            raise PixelError(
                f"is compressed ({name}), which needs python-gdcm (pip install "
                "'napari-anofpdm[dicom]')."
            ) from error
        raise PixelError("cannot be decompressed; export it again, uncompressed.") from error
    except Exception as error:  # whatever a decoder meets in damaged pixels
        raise PixelError(DAMAGED) from error
    return pixels.reshape((-1, *pixels.shape[-2:]))


def needs_decoder(image: Header) -> bool:
    """Whether a library other than NumPy and pydicom decodes the pixels of an image."""
    from pydicom.uid import UID, RLELossless

    syntax = UID(str(image.file_meta.get("TransferSyntaxUID", "")))
    return syntax.is_transfer_syntax and syntax.is_compressed and syntax != RLELossless


def scaling_of(image: Header, frame: int) -> tuple[float, float]:
    """Return slope and intercept that take a frame's stored values to real ones.

    Rescale Slope and Intercept (PS3.3 C.11.1.1.2), of the frame or the image. Philips' scanners
    also write a scale slope (2005,100E) S; with it the value is (slope * stored + intercept) /
    (slope * S), which is comparable between slices and series of one examination: the choice of
    dcm2niix, too.

    Parameters
    ----------
    image : pydicom.Dataset
    frame : int
        From 0.
    """
    group = _frame_group(image, frame)
    holder = _first(group, "PixelValueTransformationSequence")
    if holder is None:
        shared = _item(image.get("SharedFunctionalGroupsSequence"), 0)
        holder = _first(shared, "PixelValueTransformationSequence")
    source = image if holder is None else holder
    slope = _number(source.get("RescaleSlope"), 1.0)
    intercept = _number(source.get("RescaleIntercept"), 0.0)
    philips = _philips_slope(image, group)
    if philips and slope:
        return 1.0 / philips, intercept / (slope * philips)
    return slope, intercept


def _philips_slope(image: Header, group: Header | None) -> float | None:
    for holder in (_philips_frame(group), image):
        if holder is None:
            continue
        try:
            value = holder.private_block(0x2005, PHILIPS)[0x0E].value
        except KeyError:
            continue
        if isinstance(value, bytes) and len(value) == 4:
            value = np.frombuffer(value, "<f4")[0]
        number = _number(value, 0.0)
        return number if np.isfinite(number) and number > 0 else None
    return None


def _philips_frame(group: Header | None) -> Header | None:
    """Philips' private values of a frame of a multi-frame image."""
    if group is None:
        return None
    try:
        return _item(group.private_block(0x2005, _PHILIPS_DD_005)[0x0F].value, 0)
    except KeyError:
        return None


def _frame_group(image: Header, frame: int) -> Header | None:
    return _item(image.get("PerFrameFunctionalGroupsSequence"), frame)


def _item(sequence: Any, index: int) -> Header | None:
    return sequence[index] if sequence and index < len(sequence) else None


def _first(holder: Header | None, name: str) -> Header | None:
    return None if holder is None else _item(holder.get(name), 0)


def _number(value: Any, default: float) -> float:
    found = numbers([value], 1)
    return default if found is None or not np.isfinite(found[0]) else found[0]


def _silence_gdcm() -> None:
    """Keep GDCM, where it is installed, from printing on the terminal."""
    try:
        import gdcm
    except ImportError:
        return
    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
