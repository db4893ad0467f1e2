"""`Analysis`: the network's stored predictions for a scan, which can be interpreted repeatedly."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.metadata import AnalysisMetadata, StepDtype
from anofpdm.analysis.steps import Steps
from anofpdm.analysis.store import INPUT_ARRAYS, StoredAnalysis, StoredScans
from anofpdm.analysis.writer import AnalysisWriter
from anofpdm.common.errors import AnalysisError, AnofpdmError
from anofpdm.common.reading import reading
from anofpdm.common.swapping.workspace import heal
from anofpdm.common.validation import sentence
from anofpdm.method.calibration import Calibration, TimestepGrid, chosen_grid
from anofpdm.method.schedule import NoiseSchedule, strided_timesteps
from anofpdm.method.settings import Settings
from anofpdm.scans.geometry import SliceGeometry


@dataclass(frozen=True, eq=False)
class Analysis:
    """The unguided predictions and noise differences of every slice and kept step.

    Made by `analyze`, read by `interpret`. In memory or on disk (`path`), with one behaviour.

    Attributes
    ----------
    metadata : AnalysisMetadata
        The model, its calibration, the run, the sources.
    inputs : AnalysisInputs
        The scan and its slices; its attributes are at hand here, too.
    steps : Steps
        The predictions; `steps_of` reads them.
    path : Path or None
        The Zarr folder, or None in memory.
    """

    metadata: AnalysisMetadata
    inputs: AnalysisInputs
    steps: Steps
    path: Path | None = None

    def __post_init__(self) -> None:
        """Refuse steps of other slices, timesteps or modalities."""
        s, c, h, w = self.inputs.x0.shape
        expected = (s, len(self.metadata.timesteps), len(self.metadata.bundle.scored), h, w)
        if self.steps.shape != expected or c != expected[2]:
            raise AnalysisError(
                f"The steps of an analysis have shape {self.steps.shape} where slices, timesteps "
                f"and scored modalities ask for {expected}."
            )

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Analysis:
        """Open a stored analysis; slices are read and verified on access.

        Raises
        ------
        AnalysisError
            When `path` is no analysis, is of another format version, was cut off or altered.
        """
        folder = Path(path)
        heal(folder)
        with reading(folder, AnalysisError, "copy or run the analysis again"):
            store = StoredAnalysis(folder)
            try:
                metadata = AnalysisMetadata.model_validate(store.document.get("metadata", {}))
                geometry = SliceGeometry.from_dict(store.document.get("geometry", {}))
                arrays = {name: store.array(name) for name in INPUT_ARRAYS}
                inputs = AnalysisInputs(**arrays, geometry=geometry, native=StoredScans(store))
                store.check_scans(geometry.shape)
                return cls(metadata, inputs, store, folder)
            except ValidationError as error:
                raise AnalysisError(sentence(error, str(folder))) from error
            except AnalysisError:
                raise
            except AnofpdmError as error:
                raise AnalysisError(f"{folder}: {error}") from error

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Analysis:
        """Write the analysis, bit for bit, to a folder NAME.anofpdm.zarr.

        Returns
        -------
        Analysis
            The stored one, opened.

        Raises
        ------
        OutputError
            When `path` exists and `overwrite` is false, is something else than an analysis, lacks
            the suffix, or cannot be written; nothing is left behind.
        """
        with AnalysisWriter(
            path, self.metadata, self.inputs, dtype=self.dtype, overwrite=overwrite
        ) as writer:
            for position in range(len(self)):
                x0_null, eps_gap = self.steps_of(position)
                writer.write([position], x0_null[None], eps_gap[None])
            writer.finish()
        return Analysis.open(path)

    def steps_of(self, slice_position: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Predictions of one slice.

        Parameters
        ----------
        slice_position : int
            Position among the slices, 0..S-1 (not the canonical index).

        Returns
        -------
        x0_null, eps_gap : ndarray, each of shape (K, C, H, W), of `dtype`
            The unguided prediction, unclipped (Eq. 10), and eps_h - eps_null.

        Raises
        ------
        IndexError
            When there is no such slice.
        AnalysisError
            When the stored slice was altered.
        """
        if not 0 <= slice_position < len(self):
            raise IndexError(f"slice position {slice_position} lies outside 0..{len(self) - 1}")
        return self.steps.read(slice_position)

    def default_settings(self) -> Settings:
        """Return the settings the model's calibration asks for.

        Without a calibration nothing is known about healthy slices: the defaults of `Settings`.
        """
        if self.calibration is not None:
            return Settings.from_calibration(self.calibration)
        return Settings()

    def __len__(self) -> int:
        return len(self.inputs.x0)

    @property
    def dtype(self) -> StepDtype:
        """Data type of the stored steps: "float16" or "float32"."""
        return "float16" if self.steps.dtype == np.float16 else "float32"

    @property
    def timesteps(self) -> tuple[int, ...]:
        """The kept grid of timesteps, length K."""
        return self.metadata.timesteps

    @property
    def clip(self) -> bool:
        """Whether predictions were clipped to [-1, 1]; interpretation clips as the run did."""
        return self.metadata.clip

    @property
    def schedule(self) -> NoiseSchedule:
        """The model's noise schedule."""
        return self.metadata.bundle.schedule

    @property
    def calibration(self) -> Calibration | None:
        """The model's calibration at the time of the run."""
        return self.metadata.bundle.calibration

    @property
    def grid(self) -> TimestepGrid:
        """The grid of the run; the calibration's grid if it has the same timesteps."""
        last, process = self.timesteps[-1], self.metadata.process
        calibrated = chosen_grid(self.calibration)
        if calibrated.t_max == last and self.timesteps == strided_timesteps(
            calibrated.steps, last, self.schedule.num_steps
        ):
            return TimestepGrid(process, calibrated.steps, last)
        return TimestepGrid(process, len(self.timesteps), last)

    @property
    def scored(self) -> tuple[str, ...]:
        """The scored modalities: channels of `x0` and of the steps."""
        return self.metadata.bundle.scored

    @property
    def x0(self) -> NDArray[np.float32]:
        """Slices, (S, C, H, W), in [-1, 1]."""
        return self.inputs.x0

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """Brain on the network's grid, (S, H, W)."""
        return self.inputs.foreground

    @property
    def slice_ids(self) -> NDArray[np.integer[Any]]:
        """Canonical axial indices, (S,)."""
        return self.inputs.slice_ids

    @property
    def foreground_native(self) -> NDArray[np.bool_]:
        """Brain on the scan's own voxels."""
        return self.inputs.foreground_native

    @property
    def geometry(self) -> SliceGeometry:
        """The map between the network's slices and the scan's voxels."""
        return self.inputs.geometry

    @property
    def native(self) -> Mapping[str, NDArray[Any]]:
        """The scans by modality, in their own dtype."""
        return self.inputs.native
