"""`Volume`: one 3-D scan with its voxel-to-RAS affine; read from files, written as NIfTI."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from anofpdm.common.errors import GeometryError, VolumeError
from anofpdm.common.swapping.workspace import heal
from anofpdm.scans.channel_names import channel_modalities
from anofpdm.scans.dicom.file_set import is_dicom
from anofpdm.scans.dicom.reading import SeriesVolume, load_dicom, load_series
from anofpdm.scans.dicom.series import Series, SeriesSource
from anofpdm.scans.files.formats import load
from anofpdm.scans.files.header_fields import Header, header_for
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.files.nifti import save_nifti
from anofpdm.scans.files.physical_limits import check_affine

MOST_CHANNELS = 8
"""The last axis of a file with more volumes than this is time or directions, not contrasts."""


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D scan on its own voxel grid.

    Attributes
    ----------
    data : ndarray, shape (i, j, k)
        Real voxel values, in the scanner's units; a 4-D array with one channel is taken as 3-D.
    affine : ndarray, shape (4, 4), float64
        Voxel index (i, j, k, 1) to RAS mm.
    modality : str or None
        Name of the contrast ("flair", "t1", ...), lower case as bundles spell it.
    path : Path or None
        The file it was read from, for messages.
    header : nibabel.Nifti1Header or None
        The geometry of the file's header, kept so that results carry the same qform, sform, codes
        and units; without free text and extensions, which may name a patient.
    channel : int or None
        Which channel of a file that holds several, from 0.
    keep_path : bool
        Whether messages and reports name the file with its folders.
    warnings : tuple of str
        Sentences on what the file's header contradicts itself in, or on a unit that was converted.
    source : SeriesSource or None
        The DICOM series it was read from; its label names the volume then, not the path, which
        often names a patient.

    Raises
    ------
    VolumeError
        When the array is not one real 3-D volume.
    GeometryError
        When the affine is not an invertible (4, 4) matrix.
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]
    modality: str | None = None
    path: Path | None = None
    header: Header | None = field(default=None, repr=False)
    channel: int | None = None
    keep_path: bool = False
    warnings: tuple[str, ...] = field(default=(), repr=False)
    source: SeriesSource | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Bring array and affine to their stated form, or say why they have none."""
        object.__setattr__(self, "data", _as_real_3d(np.asarray(self.data), self.name))
        affine = np.asarray(self.affine, dtype=np.float64)
        check_affine(affine, self.name)
        object.__setattr__(self, "affine", affine)

    @property
    def name(self) -> str:
        """Name of this volume in messages: its file or series, otherwise its modality."""
        if self.source is not None:
            label = self.source.series.label
            return f"{label} of {self.path}" if self.keep_path else label
        if self.path is not None:
            return _file_name(self.path, self.channel, self.keep_path)
        return f"The {self.modality} volume" if self.modality else "The volume"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along each axis."""
        i, j, k = self.data.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along each axis of the array."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    def geometry_header(self) -> Header:
        """Header that results on this grid are written with."""
        if self.header is not None:
            return self.header
        return header_for(self.affine, self.shape)


def read_volume(
    path: str | Path,
    modality: str | None = None,
    *,
    form: Form | None = None,
    channel: int | None = None,
    series: str | None = None,
    keep_path: bool = False,
) -> Volume:
    """Read a volume.

    Parameters
    ----------
    path : str or Path
        A NIfTI file (.nii, .nii.gz, or one of a pair .hdr and .img) or MGZ; NRRD and MetaImage
        (.mha, .mhd) where SimpleITK is installed; or a folder, file, zip or DICOMDIR with DICOM
        images, where pydicom is installed. Of any real dtype and orientation.
    modality : str or None
        Name of its contrast.
    form : {"sform", "qform"} or None
        Which form of a NIfTI header places the voxels. None takes the sform where its code is
        set, else the qform; where the two disagree, `Volume.warnings` says so.
    channel : int or None
        Which channel of a file that holds several volumes, from 0.
    series : str or None
        Which of several DICOM series: its number, description, or the beginning of its UID.
        Without it, the only usable one is read, or the only one that looks like `modality`.
    keep_path : bool
        Name the file with its folders in messages and reports.

    Raises
    ------
    VolumeError
        When the file is missing, of no known format, cut off, RGB, complex, holds several volumes
        and no channel was named, or does not place its voxels; for DICOM, when several series fit
        or the series is no volume.
    GeometryError
        When its affine is singular or a voxel size is 0.
    """
    path = Path(path)
    heal(path)
    if is_dicom(path):
        _refuse_nifti_choices(path, form, channel)
        return _of_series(load_dicom(path, series, modality), path, modality, keep_path)
    if series is not None:
        raise VolumeError(f"{path} is no DICOM folder, file or zip, so it has no series {series}.")
    loaded = load(path, form, _file_name(path, channel, keep_path))
    data = loaded.data
    if channel is not None:
        data = _channels(data, path)
        if not 0 <= channel < data.shape[3]:
            raise VolumeError(
                f"{path} has no channel {channel}; it has {data.shape[3]}, counted from 0."
            )
        data = data[..., channel]
    return Volume(
        data,
        loaded.affine,
        modality,
        path,
        loaded.header,
        channel=channel,
        keep_path=keep_path,
        warnings=loaded.warnings,
    )


def read_series(series: Series, modality: str | None = None) -> Volume:
    """Read a DICOM series that `find_series` found; see `read_volume` for errors."""
    return _of_series(load_series(series, modality), series.files.path, modality, False)


def read_channels(path: str | Path) -> tuple[Volume, ...]:
    """Read every volume of a file: the channels of one that holds 2 to 8, else its only one.

    Each channel has the modality that the ``dataset.json`` of its dataset names, if there is one.
    See `read_volume` for formats and errors; a longer series is refused.
    """
    path = Path(path)
    heal(path)
    loaded = load(path, None, path.name)
    whole = loaded.data
    count = int(np.prod(whole.shape[3:]))
    if count < 2 or whole.ndim < 4 or whole.dtype.kind not in "fiub":
        return (Volume(whole, loaded.affine, None, path, loaded.header, warnings=loaded.warnings),)
    if count > MOST_CHANNELS:
        raise VolumeError(
            f"{path} is a series of {count} frames (shape {whole.shape}), and not up to "
            f"{MOST_CHANNELS} contrasts of one scan; save the volume you mean as a file of its own."
        )
    channels = _channels(whole, path)
    return tuple(
        Volume(
            channels[..., k],
            loaded.affine,
            modality,
            path,
            loaded.header,
            channel=k,
            warnings=loaded.warnings,
        )
        for k, modality in enumerate(channel_modalities(path, count))
    )


def write_nifti(
    path: str | Path,
    data: NDArray[Any],
    like: Volume,
    dtype: DTypeLike,
    *,
    overwrite: bool = False,
) -> None:
    """Write voxels on the grid of another volume, with that volume's exact header geometry.

    Parameters
    ----------
    path : str or Path
        Target, .nii or .nii.gz; it appears whole or not at all.
    data : ndarray, shape of `like`
        Voxel values.
    like : Volume
        Whose affine, qform, sform, codes, voxel sizes and units the file gets.
    dtype : dtype
        How the values are stored (uint8 for masks, float32 for maps).
    overwrite : bool
        Replace an existing file at `path`.

    Raises
    ------
    GeometryError
        When the shapes differ.
    OutputError
        When the file exists already or cannot be written.
    """
    if data.shape != like.shape:
        raise GeometryError(
            f"An array of shape {data.shape} cannot be written on the grid of {like.name}, "
            f"which has shape {like.shape}."
        )
    voxels = np.asarray(data, dtype=dtype)
    save_nifti(Path(path), voxels, like.geometry_header(), overwrite=overwrite)


def _of_series(loaded: SeriesVolume, path: Path, modality: str | None, keep_path: bool) -> Volume:
    return Volume(
        loaded.data,
        loaded.affine,
        modality,
        path,
        loaded.header,
        keep_path=keep_path,
        warnings=loaded.warnings,
        source=loaded.source,
    )


def _refuse_nifti_choices(path: Path, form: Form | None, channel: int | None) -> None:
    if form is not None:
        raise VolumeError(
            f"{path} is DICOM and has neither an sform nor a qform; leave --form out."
        )
    if channel is not None:
        raise VolumeError(
            f"{path} is DICOM and has no channels; choose a series, as in {path}#3, not by "
            f":{channel}."
        )


def _file_name(path: Path, channel: int | None, keep_path: bool) -> str:
    name = str(path) if keep_path else path.name
    return name if channel is None else f"{name}:{channel}"


def _channels(data: NDArray[Any], path: Path) -> NDArray[Any]:
    """Array of shape (i, j, k, channels)."""
    if data.ndim < 3:
        raise VolumeError(f"{path} has shape {data.shape}; a volume has three axes of 1 or more.")
    return data.reshape((*data.shape[:3], -1))


def _as_real_3d(data: NDArray[Any], name: str) -> NDArray[Any]:
    if data.dtype.kind == "V":
        raise VolumeError(f"{name} contains RGB colours, not intensities; use the scan itself.")
    if data.dtype.kind == "c":
        raise VolumeError(f"{name} contains complex numbers; use the magnitude image.")
    if data.dtype.kind not in "fiub":
        raise VolumeError(f"{name} has values of type {data.dtype}; use real numbers.")
    if data.ndim > 3 and all(n == 1 for n in data.shape[3:]):
        data = data.reshape(data.shape[:3])
    if data.ndim > 3:
        frames = int(np.prod(data.shape[3:]))
        raise VolumeError(
            f"{name} is a series of {frames} frames (shape {data.shape}), not one volume; name the "
            "one you mean by its number, from 0, as in FILE:0."
        )
    if data.ndim != 3 or 0 in data.shape:
        raise VolumeError(f"{name} has shape {data.shape}; a volume needs three axes of 1 or more.")
    return data
