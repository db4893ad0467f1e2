"""Rigid registration of the scans of one head, by mutual information (SimpleITK).

D. Mattes et al., "PET-CT image registration in the chest using free-form deformations", IEEE
Transactions on Medical Imaging 22 (2003) 120-128.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.common.errors import Cancelled, GeometryError
from anofpdm.preprocessing.itk import array_of, itk_image, simple_itk
from anofpdm.preprocessing.similarity import SimilarityTest, compare
from anofpdm.scans.foreground import CleanVoxels, cleaned, foreground_of
from anofpdm.scans.volume import Volume

Kind = Literal["rigid", "affine"]
# Finer voxels cost time and move a rigid fit by less than a tenth of a millimetre.
_WORKING_MM = 2.0
_SHRINK = (4, 2, 1)
_SMOOTHING_MM = (4.0, 2.0, 0.0)
_SAMPLES = 0.3
_BINS = 48


@dataclass(frozen=True, eq=False)
class Registration:
    """How a scan was brought onto another.

    Attributes
    ----------
    volume : Volume
        The moving scan on the voxels of the fixed one; 0 where it does not reach.
    to_moving : ndarray, shape (4, 4)
        World mm (RAS) of the fixed scan to world mm of the moving one.
    fixed, moving : str
        Names of the scans.
    similarity : SimilarityTest
        Whether they fit better than by chance.
    seconds : float
    """

    volume: Volume
    to_moving: NDArray[np.float64]
    fixed: str
    moving: str
    similarity: SimilarityTest
    seconds: float

    @property
    def shift_mm(self) -> float:
        """Largest distance by which a point within 80 mm of the centre of the head moved."""
        centre = self.volume.affine @ [*(np.array(self.volume.shape) / 2), 1.0]
        around = centre[:3] + 80.0 * np.concatenate([np.eye(3), -np.eye(3)])
        moved = around @ self.to_moving[:3, :3].T + self.to_moving[:3, 3]
        return float(np.linalg.norm(moved - around, axis=1).max())

    @property
    def warning(self) -> str | None:
        """A sentence where the scans do not fit."""
        if self.similarity.passed:
            return None
        return (
            f"The registration of {self.moving} onto {self.fixed} failed: they share no more "
            f"information than when one is shifted ({self.similarity.words}); register them with "
            "another program, or check that both show the same head."
        )

    @property
    def record(self) -> dict[str, Any]:
        """Values for a report, without the voxels."""
        return {
            "fixed": self.fixed,
            "moving": self.moving,
            "method": "rigid, mutual information",
            "tool": "SimpleITK",
            "version": simple_itk().Version.VersionString(),
            "fixed_to_moving": np.round(self.to_moving, 6).tolist(),
            "largest_shift_mm": round(self.shift_mm, 2),
            "mutual_information": round(self.similarity.value, 4),
            "mutual_information_by_chance": round(self.similarity.by_chance, 4),
            "passed": self.similarity.passed,
            "seconds": round(self.seconds, 2),
        }


def register(
    fixed: Volume, moving: Volume, *, should_cancel: Callable[[], bool] | None = None
) -> Registration:
    """Register a scan rigidly onto another of the same head and resample it linearly.

    Parameters
    ----------
    fixed : Volume
        Its voxels are kept.
    moving : Volume
    should_cancel : callable, optional
        Asked at every iteration.

    Raises
    ------
    SettingsError
        When SimpleITK is not installed.
    GeometryError
        When the scans do not overlap.
    Cancelled
        On request.
    """
    started = time.perf_counter()
    to_moving = fit(fixed, moving, "rigid", should_cancel=should_cancel)
    values = resampled(fixed, moving, to_moving)
    return Registration(
        volume=replace(moving, data=values, affine=fixed.affine, header=fixed.header, channel=None),
        to_moving=to_moving,
        fixed=fixed.name,
        moving=moving.name,
        similarity=compare(cleaned(fixed.data), values, foreground_of(CleanVoxels(fixed.data))),
        seconds=time.perf_counter() - started,
    )


def fit(
    fixed: Volume,
    moving: Volume,
    kind: Kind,
    *,
    should_cancel: Callable[[], bool] | None = None,
) -> NDArray[np.float64]:
    """Find the transform from world mm (RAS) of `fixed` to world mm of `moving`.

    Starts at the headers' positions, or from centre to centre where the headers lie far apart.

    Returns
    -------
    ndarray, shape (4, 4)
    """
    sitk = simple_itk()
    still, moved = _coarse(sitk, itk_image(fixed)), _coarse(sitk, itk_image(moving))
    start: Any = sitk.Euler3DTransform() if kind == "rigid" else sitk.AffineTransform(3)
    centre, other = _centre(still), _centre(moved)
    start.SetCenter(centre.tolist())
    if kind == "affine" or np.linalg.norm(centre - other) > _FAR_MM:
        start.SetTranslation((other - centre).tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(_SAMPLES, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        2.0, 1e-3, 150, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(_SHRINK)
    method.SetSmoothingSigmasPerLevel(_SMOOTHING_MM)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=True)
    cancelled = False

    def ask() -> None:
        nonlocal cancelled
        if should_cancel is not None and should_cancel():
            cancelled = True
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, ask)
    try:
        method.Execute(still, moved)
    except RuntimeError as error:
        raise GeometryError(
            f"{moving.name} cannot be registered onto {fixed.name} (they do not overlap); check "
            "that both show the same head, and their headers."
        ) from error
    if cancelled:
        raise Cancelled("The registration was cancelled; nothing was written.")
    return _as_matrix(start)


_FAR_MM = 60.0


def resampled(fixed: Volume, moving: Volume, to_moving: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the voxels of `moving` on the grid of `fixed`, by linear interpolation."""
    from scipy import ndimage

    indices = np.linalg.inv(moving.affine) @ to_moving @ fixed.affine
    return np.asarray(
        ndimage.affine_transform(
            cleaned(moving.data), indices[:3, :3], indices[:3, 3], fixed.shape, order=1
        ),
        dtype=np.float32,
    )


def _coarse(sitk: Any, image: Any) -> Any:
    """Return an image whose voxels are not finer than the working size."""
    spacing = np.array(image.GetSpacing())
    wanted = np.maximum(spacing, _WORKING_MM)
    if np.allclose(spacing, wanted):
        return image
    size = np.maximum(1, np.round(np.array(image.GetSize()) * spacing / wanted)).astype(int)
    smooth = sitk.SmoothingRecursiveGaussian(image, (wanted / 2.355).tolist())
    grid = sitk.Image([int(n) for n in size], sitk.sitkFloat32)
    grid.SetSpacing(wanted.tolist())
    grid.SetDirection(image.GetDirection())
    direction = np.array(image.GetDirection()).reshape(3, 3)
    grid.SetOrigin((np.array(image.GetOrigin()) + direction @ ((wanted - spacing) / 2)).tolist())
    return sitk.Resample(smooth, grid, sitk.Transform(), sitk.sitkLinear, 0.0)


def _centre(image: Any) -> NDArray[np.float64]:
    """World position of the brightness's centre of mass."""
    values = array_of(image)
    weights = [np.asarray(values.sum(axis=tuple({0, 1, 2} - {k})), dtype=float) for k in range(3)]
    index = [float(w @ np.arange(len(w)) / w.sum()) for w in weights]
    return np.array(image.TransformContinuousIndexToPhysicalPoint(index))


def _as_matrix(transform: Any) -> NDArray[np.float64]:
    """Return a transform of LPS space as a matrix of RAS space."""
    matrix = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    lps = np.eye(4)
    lps[:3, :3] = matrix
    lps[:3, 3] = np.array(transform.GetTranslation()) + centre - matrix @ centre
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    return np.asarray(flip @ lps @ flip)
