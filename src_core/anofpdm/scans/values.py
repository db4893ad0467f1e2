"""Are these the values of an MRI, or of a mask? Padding, CT and wrapped integers are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import VolumeError
from anofpdm.scans.volume import Volume

# Air in Hounsfield units is -1000; ringing around a brain never gets a percent below -200.
_AIR_HU = -200
_AIR_SHARE = 0.01
# No scanner, CT included, gives values further below zero; -3024 and -4096 are padding.
_LOWEST = -4100
# Wrapped values in a share of the positive voxels from which a result would be wrong.
_WRAPPED_SHARE = 0.001
_NEGATIVE_SHARE = 0.1
_FEW_LABELS = 32
_SLAB_VOXELS: Final = 1 << 20
# Neighbours inside a mask share its value; in a scan noise tells them apart.
_SAME_VALUE = 0.01
_ALIKE_SHARE = 0.8


def check_usable(volume: Volume) -> None:
    """Refuse a volume that holds no MRI intensities.

    Raises
    ------
    VolumeError
        When all voxels are NaN or infinite, all are equal, none is positive, integers have
        wrapped around, or there is as much far below zero as in CT.
    """
    values = _finite(volume.data)
    if values.size == 0:
        raise VolumeError(f"{volume.name} contains only NaN or infinity; convert it again.")
    low, high = float(values.min()), float(values.max())
    if low == high:
        what = (
            "is empty (all voxels are 0)" if low == 0 else f"is constant (all voxels are {low:g})"
        )
        raise VolumeError(f"{volume.name} {what}; choose the scan itself.")
    wrapped = _wrapped(volume)
    if wrapped and wrapped > _WRAPPED_SHARE * np.count_nonzero(values > 0):
        raise VolumeError(f"{volume.name} {_wrapped_words(wrapped, low)}; convert the scan again.")
    air = np.count_nonzero(values <= _AIR_HU) / values.size if low <= _AIR_HU else 0.0
    if air > _AIR_SHARE:
        raise VolumeError(f"{volume.name} {_far_below_zero(values, low, air)}")
    if high <= 0:
        raise VolumeError(
            f"{volume.name} has no positive voxels (largest value {high + 0:g}); use the scan with "
            "its original intensities."
        )


def value_warnings(volume: Volume) -> tuple[str, ...]:
    """Say which values are treated as background, or stand out, one sentence each."""
    found = (_broken_voxels(volume), _few_wrapped(volume), _wrapped_below_zero(volume))
    return tuple(sentence for sentence in (*found, _negatives(volume)) if sentence)


def mask_voxels(mask: Volume, kind: str) -> NDArray[np.bool_]:
    """Return where a mask is 0.5 or more.

    Parameters
    ----------
    mask : Volume
        Binary, soft (0 to 1), or a few labels.
    kind : str
        What it is for sentences: "brain mask".

    Raises
    ------
    VolumeError
        When its values are those of a scan.
    """
    data = mask.data
    if _is_grey(data):
        values = _finite(data)
        raise VolumeError(
            f"{mask.name} holds grey values ({values.min():g} to {values.max():g}), not a "
            f"{kind}; give a mask that is 1 inside and 0 outside, or a few labels."
        )
    with np.errstate(invalid="ignore"):
        return np.asarray(data >= 0.5)


def _finite(data: NDArray[Any]) -> NDArray[Any]:
    if data.dtype.kind != "f":
        return data
    finite = np.isfinite(data)
    return data if finite.all() else data[finite]


def _far_below_zero(values: NDArray[Any], low: float, share: float) -> str:
    seen = f"has values down to {low:g} ({100 * share:.0f} % of its voxels are below {_AIR_HU}"
    if values[values <= _AIR_HU].max() == low:
        return (
            f"{seen}, all of them exactly {low:g}): padding, or a CT; for an MRI, set the padding "
            "to 0; a CT cannot be analysed."
        )
    return (
        f"{seen}, as in the Hounsfield units of a CT): a CT, or an MRI with padding or an offset "
        "below 0; use an MRI with its original intensities."
    )


def _wrapped(volume: Volume) -> int:
    """Count voxels of an int16 volume that were above 32,767 and wrapped around."""
    data = volume.data
    if data.dtype != np.int16 or data.min() >= _LOWEST:
        return 0
    below = data[data < _LOWEST]
    if below.min() == below.max():
        # One single value, out to the corners, is padding.
        corners = [data[corner] for corner in product((0, -1), repeat=3)]
        if below[0] in corners:
            return 0
    return int(below.size)


def _wrapped_words(count: int, low: float) -> str:
    return (
        f"has {count} int16 values far below zero (down to {low:g}), where bright values above "
        f"32767 wrapped around ({low:g} was {low + 65536:g})"
    )


def _few_wrapped(volume: Volume) -> str | None:
    count = _wrapped(volume)
    if not count:
        return None
    words = _wrapped_words(count, float(volume.data.min()))
    return f"{volume.name} {words}; they are treated as background."


def _wrapped_below_zero(volume: Volume) -> str | None:
    """Tell of negative values that were stored as uint16 and wrapped to the other end."""
    data = volume.data
    if data.dtype != np.uint16 or data.max() < 65_000:
        return None
    high = data > 60_000
    count, rest = int(np.count_nonzero(high)), data[~high]
    if rest.size == 0 or rest.max() > 30_000 or not rest.any():
        return None
    return (
        f"{volume.name} has {count} values near 65535, and all others are {int(rest.max())} or "
        "less: negative values that wrapped around; set them to 0."
    )


def _broken_voxels(volume: Volume) -> str | None:
    if volume.data.dtype.kind != "f":
        return None
    count = volume.data.size - int(np.count_nonzero(np.isfinite(volume.data)))
    if count == 0:
        return None
    return (
        f"{volume.name} has {count} voxels that are NaN or infinite; they are treated as "
        "background."
    )


def _negatives(volume: Volume) -> str | None:
    with np.errstate(invalid="ignore"):
        negative = np.count_nonzero(volume.data < 0)
        positive = np.count_nonzero(volume.data > 0)
    if negative <= _NEGATIVE_SHARE * positive:
        return None
    why = "as after a normalisation"
    if volume.data.dtype == np.int8:
        why = "where int8 wrapped around, or after a normalisation"
    return (
        f"{volume.name} has {negative} negative and {positive} positive voxels, {why}. Negative "
        "voxels are treated as background; use the original intensities."
    )


def _is_grey(data: NDArray[Any]) -> bool:
    """Whether the values are those of a scan, neither a few labels nor objects of one value."""
    if data.dtype.kind == "b":
        return False
    # In slabs along the axis that is slowest in memory; the order of axes does not matter here.
    data = data.transpose(np.argsort(-np.abs(data.strides), kind="stable"))
    whole, distinct = True, np.empty(0, data.dtype)
    top, bright, marked = -np.inf, 0, 0
    for values in _slabs(data):
        top = max(top, float(values.max()))
        bright += int(np.count_nonzero(values >= 0.9))
        marked += int(np.count_nonzero(values > 0.05))
        whole = whole and (data.dtype.kind != "f" or np.array_equal(values, np.rint(values)))
        if whole and distinct.size <= _FEW_LABELS:
            distinct = np.union1d(distinct, values)
    if whole and distinct.size <= _FEW_LABELS:
        return False
    if 0 < top <= 1.0 + 1e-3 and bright > 0.3 * marked:
        return False  # a soft mask
    background = _finite_or_0(data[:1, :1, :1])[0, 0, 0]
    alike = pairs = 0
    for values in _slabs(data, overlap=1):
        for axis in range(3):
            # The plane that overlaps is a neighbour along the first axis alone.
            lines = np.moveaxis(values if axis == 0 else values[: _step(data)], axis, 0)
            first, second = lines[:-1].astype(np.float64), lines[1:].astype(np.float64)
            both = (first > 0) & (second > 0) & (first != background) & (second != background)
            pairs += int(np.count_nonzero(both))
            same = first == second if whole else np.abs(first - second) <= _SAME_VALUE * top
            alike += int(np.count_nonzero(same & both))
    return pairs > 0 and alike < _ALIKE_SHARE * pairs


def _slabs(data: NDArray[Any], overlap: int = 0) -> Iterator[NDArray[Any]]:
    """Divide a volume along its first axis, NaN and infinities as 0: no copy of all is made."""
    step = _step(data)
    for start in range(0, len(data), step):
        yield _finite_or_0(data[start : start + step + overlap])


def _step(data: NDArray[Any]) -> int:
    return max(1, _SLAB_VOXELS * len(data) // max(1, data.size))


def _finite_or_0(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind != "f":
        return values
    return np.asarray(np.nan_to_num(values, nan=0, posinf=0, neginf=0))
