"""`Content`: the volumes that figures and films show, along canonical axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from anofpdm.common.errors import SettingsError
from anofpdm.results.pictures.greys import network_white, to_scan
from anofpdm.results.pictures.planes import AXIS_ACROSS, Plane
from anofpdm.results.pictures.words import found_words
from anofpdm.scans.orientation import Orientation
from anofpdm.scans.same_grid import on_grid_of

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.method.settings import Settings
    from anofpdm.results.native import NativeResult
    from anofpdm.scans.volume import Volume

_OBLIQUE = 0.02
"""Sine of the angle beyond which a slice has no one coordinate: some 1 degree."""


@dataclass(frozen=True, eq=False)
class Content:
    """What can be shown of one scan.

    Attributes
    ----------
    scan : ndarray, shape (i, j, k)
        In its own units, along canonical axes (toward R, A, S); NaN counts as background.
    affine : ndarray, shape (4, 4)
        Canonical voxel index to RAS mm.
    anomaly_map : ndarray, shape (i, j, k), optional
        H, 0 or more.
    mask, reference : ndarray of bool, shape (i, j, k), optional
        The mask that was found, and a known lesion.
    healthy : ndarray, shape (i, j, k), optional
        The prediction guided toward health at the end step of each slice, in the scan's units.
    threshold : float
        Largest threshold of the map; the colour bar reaches at least as far.
    map_name, map_label : str
        The map's name, and that of its values beside the colour bar.
    title, footer : str
        What was found, and with which model.
    """

    scan: NDArray[Any]
    affine: NDArray[np.float64]
    anomaly_map: NDArray[Any] | None = None
    mask: NDArray[np.bool_] | None = None
    reference: NDArray[np.bool_] | None = None
    healthy: NDArray[np.float32] | None = None
    threshold: float = 0.0
    map_name: str = "anomaly map"
    map_label: str = "anomaly map H (squared difference)"
    title: str = ""
    footer: str = ""

    @classmethod
    def of(
        cls,
        scan: Volume,
        anomaly_map: NDArray[Any] | None = None,
        mask: NDArray[Any] | None = None,
        reference: NDArray[Any] | None = None,
        healthy: NDArray[np.float32] | None = None,
        **more: Any,
    ) -> Content:
        """Turn a scan and arrays of its shape to canonical axes.

        Parameters
        ----------
        scan : Volume
        anomaly_map, mask, reference, healthy : ndarray, shape of the scan, optional
            What is not 0 in a mask is lesion.
        **more
            The other attributes.

        Raises
        ------
        SettingsError
            When an array has another shape than the scan.
        """
        orientation = Orientation.of_affine(scan.affine)

        def turned(name: str, array: NDArray[Any] | None) -> Any:
            if array is None:
                return None
            if array.shape != scan.shape:
                raise SettingsError(
                    f"The {name} has shape {array.shape} and the scan {scan.shape}; give arrays "
                    "on the voxels of the scan."
                )
            return orientation.to_canonical(array)

        def marked(name: str, array: NDArray[Any] | None) -> NDArray[np.bool_] | None:
            return None if array is None else np.asarray(turned(name, array) != 0)

        return cls(
            scan=orientation.to_canonical(scan.data),
            affine=orientation.canonical_affine(scan.affine, scan.shape),
            anomaly_map=turned("anomaly map", anomaly_map),
            mask=marked("mask", mask),
            reference=marked("reference", reference),
            healthy=turned("healthy prediction", healthy),
            **more,
        )

    @cached_property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size in mm along the three axes."""
        x, y, z = (float(v) for v in np.linalg.norm(self.affine[:3, :3], axis=0))
        return x, y, z

    def slices(self, plane: Plane) -> int:
        """Return the number of slices of a plane."""
        return int(self.scan.shape[AXIS_ACROSS[plane]])

    def millimetres(self, plane: Plane, index: int) -> float | None:
        """Return the RAS coordinate of a slice in mm; None where the scan is oblique."""
        axis = AXIS_ACROSS[plane]
        directions = self.affine[:3, :3] / np.array(self.spacing)
        others = [each for each in range(3) if each != axis]
        if np.abs(directions[axis, others]).max() > _OBLIQUE:
            return None
        return float(self.affine[axis, axis] * index + self.affine[axis, 3])

    def marked(self, plane: Plane) -> NDArray[np.intp]:
        """Return the marked area of each slice of a plane, of the mask or else the reference."""
        lesion = self.mask if self.mask is not None else self.reference
        if lesion is None:
            return np.zeros(self.slices(plane), dtype=np.intp)
        axes = tuple(axis for axis in range(3) if axis != AXIS_ACROSS[plane])
        areas: NDArray[np.intp] = np.count_nonzero(lesion, axis=axes)
        return areas


def content_of(
    analysis: Analysis,
    interpretation: Interpretation,
    native: NativeResult,
    *,
    reference: Volume | None = None,
    healthy: bool = False,
) -> Content:
    """Gather what can be shown of an analysis in memory.

    Parameters
    ----------
    analysis, interpretation, native
        The result.
    reference : Volume, optional
        A known lesion.
    healthy : bool
        Whether the healthy predictions are computed.

    Raises
    ------
    SettingsError
        When the analysis holds no scan.
    GeometryError
        When the reference does not share the scan's voxels.
    """
    modality = analysis.scored[0]
    if modality not in analysis.native:
        raise SettingsError(f"The analysis holds no {modality} scan; analyse the scan again.")
    scan = analysis.geometry.as_volume(np.asarray(analysis.native[modality]), modality)
    predicted = None
    if healthy:
        ends = zip(interpretation.slice_ids, interpretation.end_step[:, 0], strict=True)
        predicted = healthy_scan(
            analysis, interpretation.settings, {int(k): int(t) for k, t in ends}, scan
        )
    bundle = analysis.metadata.bundle
    names = [source.name for source in analysis.metadata.sources if source.modality == modality]
    return Content.of(
        scan,
        native.anomaly_map,
        native.mask,
        None if reference is None else on_grid_of(scan, reference).data,
        predicted,
        threshold=float(np.max(interpretation.threshold, initial=0.0)),
        map_label=map_label("anomaly map H", interpretation.settings),
        title=found_words(
            names[0] if names else "scan", native.lesions.volume_ml, len(native.lesions.table)
        ),
        footer=f"{bundle.name} {bundle.version}, w = {interpretation.settings.guidance:g}",
    )


def map_label(name: str, settings: Settings) -> str:
    """Name the values of a map: what the step maps measure, and on which side."""
    what = "squared difference" if settings.sam.startswith("sam") else "squared gradient"
    return f"{name} ({what}{'' if settings.polarity == 'both' else f', {settings.polarity}'})"


def healthy_scan(
    analysis: Analysis, settings: Settings, end_steps: Mapping[int, int], scan: Volume
) -> NDArray[np.float32]:
    """Bring the healthy-guided predictions at the end steps onto the scan's voxels.

    Parameters
    ----------
    analysis : Analysis
    settings : Settings
        `guidance` matters here.
    end_steps : mapping of int to int
        The end step t_e of each slice to show, by its canonical axial index.
    scan : Volume
        The scan that it is shown beside, on the voxels of the input.

    Returns
    -------
    ndarray, shape of the input, float32
        Of the first scored modality, in the units of the scan; 0 where nothing was analysed.
    """
    from anofpdm.analysis.step_maps import step_maps

    positions = {int(k): position for position, k in enumerate(analysis.slice_ids)}
    steps = {t: step for step, t in enumerate(analysis.timesteps)}
    wanted = [k for k, t in end_steps.items() if k in positions and t in steps]
    images = np.zeros((len(wanted), *analysis.x0.shape[2:]), dtype=np.float32)
    white = network_white(
        analysis, Orientation.of_affine(scan.affine).to_canonical(np.asarray(scan.data))
    )
    for image, k in zip(images, wanted, strict=True):
        found = step_maps(analysis, settings, positions[k], steps[end_steps[k]])
        image[:] = to_scan(found.healthy[0], white)
    brought = analysis.geometry.map_to_native(images, wanted)
    turn = analysis.geometry.orientation.to_canonical
    predicted, brain = turn(brought), turn(analysis.foreground_native)
    for k in wanted:
        predicted[:, :, k][~ndimage.binary_fill_holes(brain[:, :, k])] = 0.0
    return brought
