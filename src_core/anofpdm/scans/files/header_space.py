"""Where a NIfTI header places its voxels, in mm, and where it contradicts itself."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import get_args

import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from anofpdm.common.errors import GeometryError, VolumeError
from anofpdm.scans.files.header_fields import Header
from anofpdm.scans.files.header_form import Form

Affine = NDArray[np.float64]

SHIFT_VOXELS = 0.1
"""How far, in voxels, two placements may differ and still count as one. The float32 quaternion of
a qform differs from its sform by up to 0.014 voxels (0.006 mm) on real scans."""

# Volumes in millilitres then differ by 1.5 % at most; real headers agree to 1e-6.
_SIZE_TOLERANCE = 0.005
_MM = {1: 1000.0, 3: 0.001}
_UNITS = {1: "metres", 3: "micrometres"}
# Voxels of MRI, from microscopy to the coarsest localizer, in mm.
_SMALLEST_MM, _LARGEST_MM = 0.005, 50.0


@dataclass(frozen=True)
class HeaderSpace:
    """How a header places its voxels.

    Attributes
    ----------
    affine : ndarray, shape (4, 4), float64
        Voxel index to RAS mm.
    warnings : tuple of str
        One sentence for each contradiction in the header, and for a unit that was converted.
    """

    affine: Affine
    warnings: tuple[str, ...]


def header_space(
    header: Header,
    pixdim: NDArray[np.floating],
    shape: tuple[int, ...],
    form: Form | None,
    name: str,
) -> HeaderSpace:
    """Find the affine of a header in mm.

    Parameters
    ----------
    header : nibabel.Nifti1Header
        As nibabel gives it, which has repaired `pixdim`.
    pixdim : ndarray, shape (8,)
        As stored in the file.
    shape : tuple of int
        Of the array; its first three axes are the volume's.
    form : {"sform", "qform"} or None
        Which one counts; None takes the sform where its code is set, else the qform.
    name : str
        What sentences call the file.

    Raises
    ------
    VolumeError
        When the header has neither form, or not the requested one.
    GeometryError
        When a voxel size is 0 and no sform gives it, or the qform is not a rotation.
    """
    codes = {each: int(header[f"{each}_code"]) for each in get_args(Form)}
    counts = _form_that_counts(codes, form, name)
    sizes = np.abs(np.asarray(pixdim[1:4], dtype=np.float64))
    by_sform = _sform(header) if codes["sform"] > 0 else None
    sized = bool(np.isfinite(sizes).all() and sizes.all())
    if not sized and (counts == "qform" or by_sform is None or not _usable(by_sform)):
        raise _no_size(pixdim, by_sform, name)
    # nibabel takes a size of 0 for 1 mm, so a qform without sizes says nothing.
    by_qform = _qform(header) if codes["qform"] > 0 and sized else None
    affine = by_sform if counts == "sform" else by_qform
    if affine is None:
        raise GeometryError(
            f"{name} has a qform whose quaternion is not a rotation; convert the scan again"
            + (", or use its sform with --form sform." if by_sform is not None else ".")
        )
    factor, units = _to_mm(header, affine, name)
    found = [units]
    if by_sform is not None and _usable(by_sform):
        found.append(_sizes_differ(by_sform, sizes, factor, counts, codes, name))
        if by_qform is not None:
            told = found[-1] is not None
            found.append(_forms_differ(by_sform, by_qform, shape, factor, counts, name, told))
    affine = affine.copy()
    affine[:3] *= factor
    return HeaderSpace(affine, tuple(sentence for sentence in found if sentence))


def _form_that_counts(codes: dict[Form, int], form: Form | None, name: str) -> Form:
    present: list[Form] = [each for each in get_args(Form) if codes[each] > 0]
    if not present:
        raise VolumeError(
            f"{name} has no orientation (qform_code and sform_code are 0); "
            "convert the scan again from DICOM, or set the header's sform."
        )
    if form is None:
        return present[0]
    if form not in present:
        raise VolumeError(
            f"{name} has no {form} ({form}_code is 0); leave --form out, and its {present[0]} "
            "counts."
        )
    return form


def _no_size(pixdim: NDArray[np.floating], by_sform: Affine | None, name: str) -> GeometryError:
    """Say that a form whose sizes are pixdim's cannot place voxels of size 0."""
    remedy = "convert the scan again from DICOM"
    if by_sform is not None and _usable(by_sform):
        remedy += f", or leave --form out to take the {_size(_norms(by_sform))} of its sform"
    return GeometryError(
        f"{name} has a voxel size of 0 (pixdim is {_size(np.asarray(pixdim[1:4], float))}), so its "
        f"volumes cannot be measured; {remedy}."
    )


def _to_mm(header: Header, affine: Affine, name: str) -> tuple[float, str | None]:
    """Factor from the header's unit of length to mm, and what there is to say of it."""
    code = int(header["xyzt_units"]) & 7
    if code not in _MM:
        return 1.0, None
    factor, sizes = _MM[code], _norms(affine)
    if not _plausible(factor * sizes) and _plausible(sizes):
        return 1.0, (
            f"{name} says that its lengths are in {_UNITS[code]}, but voxels of {_size(sizes)} "
            f"{_UNITS[code]} are impossible; the numbers are taken as mm."
        )
    return factor, (
        f"{name} has its lengths in {_UNITS[code]}: voxels of {_size(sizes)} {_UNITS[code]} were "
        f"converted to {_size(factor * sizes)} mm."
    )


def _sizes_differ(
    by_sform: Affine,
    sizes: NDArray[np.float64],
    factor: float,
    counts: Form,
    codes: dict[Form, int],
    name: str,
) -> str | None:
    norms = _norms(by_sform)
    if not np.isfinite(sizes).all() or not sizes.all():
        return (
            f"{name} has a voxel size of 0 in pixdim; the {_size(factor * norms)} mm of its sform "
            "count."
        )
    if (np.abs(norms / sizes - 1) <= _SIZE_TOLERANCE).all():
        return None
    ratio = float(np.prod(norms / sizes))
    if counts == "qform":
        remedy = "leave --form out to take the sform"
    elif codes["qform"] > 0:
        remedy = "give --form qform to take pixdim"
    else:
        remedy = "set the header's sform if pixdim is right"
    return (
        f"{name} gives two voxel sizes: {_size(factor * norms)} mm by its sform and "
        f"{_size(factor * sizes)} mm by pixdim; the {counts} counts, and volumes would differ by a "
        f"factor of {max(ratio, 1 / ratio):.3g} ({remedy})."
    )


def _forms_differ(
    by_sform: Affine,
    by_qform: Affine,
    shape: tuple[int, ...],
    factor: float,
    counts: Form,
    name: str,
    sizes_told: bool,
) -> str | None:
    corners = np.array(list(product(*((0, n - 1) for n in shape[:3]))), dtype=np.float64)
    gap = factor * (by_sform - by_qform)
    apart = float(np.linalg.norm(corners @ gap[:3, :3].T + gap[:3, 3], axis=1).max())
    if apart <= SHIFT_VOXELS * factor * float(min(_norms(by_sform).min(), _norms(by_qform).min())):
        return None
    difference = _how_they_differ(by_sform, by_qform, factor, sizes_told)
    if not difference:
        return None
    other = "qform" if counts == "sform" else "sform"
    how = "" if counts == "sform" else " (--form qform)"
    return (
        f"{name} has an sform and a qform that disagree: they place the same voxel up to "
        f"{apart:.3g} mm apart ({difference}); the "
        f"{counts} counts here{how}, and other programs, among them those built on ITK, may take "
        f"the {other}."
    )


def _how_they_differ(by_sform: Affine, by_qform: Affine, factor: float, sizes_told: bool) -> str:
    first, second = by_sform[:3, :3] / _norms(by_sform), by_qform[:3, :3] / _norms(by_qform)
    said = []
    if np.linalg.det(first) * np.linalg.det(second) < 0:
        # Without the mirror there is a rotation to speak of.
        mirror = min((np.diag(d) for d in _MIRRORS), key=lambda m: _degrees(first @ m, second))
        first = first @ mirror
        said.append("opposite handedness: one is the mirror image of the other")
    degrees = _degrees(first, second)
    if degrees > 0.05:
        said.append(f"rotated by {degrees:.3g} degrees")
    differ = (np.abs(_norms(by_sform) / _norms(by_qform) - 1) > _SIZE_TOLERANCE).any()
    if differ and not sizes_told:
        sizes = f"{_size(factor * _norms(by_sform))} and {_size(factor * _norms(by_qform))} mm"
        said.append(f"voxels of {sizes}")
    shift = factor * float(np.linalg.norm(by_sform[:3, 3] - by_qform[:3, 3]))
    if shift > 0.01:
        said.append(f"origins {shift:.3g} mm apart")
    if not said and not differ:
        said.append("one of them is sheared")
    return "; ".join(said)


_MIRRORS = ((-1.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, -1.0))


def _degrees(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Angle of the rotation that takes one set of axes to the other."""
    cosine = (np.trace(first @ np.linalg.inv(second)) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _sform(header: Header) -> Affine:
    return np.asarray(header.get_sform(), dtype=np.float64)


def _qform(header: Header) -> Affine | None:
    try:
        return np.asarray(header.get_qform(), dtype=np.float64)
    except (HeaderDataError, ValueError):
        return None


def _usable(affine: Affine) -> bool:
    return bool(np.isfinite(affine).all()) and np.linalg.matrix_rank(affine[:3, :3]) == 3


def _norms(affine: Affine) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(affine[:3, :3], axis=0), dtype=np.float64)


def _plausible(sizes: NDArray[np.float64]) -> bool:
    return bool((sizes >= _SMALLEST_MM).all() and (sizes <= _LARGEST_MM).all())


def _size(sizes: NDArray[np.float64]) -> str:
    return " x ".join(f"{size:.4g}" for size in sizes)
