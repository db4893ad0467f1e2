"""Metadata of a stored analysis: the model, the run, the sources."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from anofpdm.method.calibration import Process
from anofpdm.model.bundle_metadata import BundleMetadata

StepDtype = Literal["float16", "float32"]


class SourceFile(BaseModel):
    """An input file, by which an analysis is traced to its scan.

    Attributes
    ----------
    modality : str
        The modality it was read as; ``brain_mask`` for a mask.
    name : str
        File name, and the channel of a file that holds several (FILE:0); without its folder, which
        may name a patient or a machine, unless that was asked for.
    sha256 : str
        Hash of the file as it was read; empty for arrays that came from no
        file, or from one that is gone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    modality: str
    name: str
    sha256: str = ""


class AnalysisMetadata(BaseModel):
    """Provenance of an analysis: enough to interpret it, to trace it and to run it again.

    Attributes
    ----------
    bundle : BundleMetadata
        Whole metadata of the model, calibration included.
    bundle_hash : str
        `ModelBundle.hash` at the time of the run.
    timesteps : tuple of int
        The kept grid, increasing, 1..T.
    process : {"ddim", "ddpm"}
    clip : bool
        Whether predictions were clipped to [-1, 1] along the trajectory.
    seed : int
        Seed of the noise.
    precision, device : str
        What the network computed in, and where.
    versions : dict of str to str
        Package versions of the run.
    created : str
        Time of the run, ISO 8601 with offset.
    seconds : float
        Duration of the network's passes.
    sources : tuple of SourceFile
    warnings : tuple of str
        Sentences on what may spoil the result, as preprocessing gave them.
    preparation : dict
        What was done to the scans before: brain extraction, registration; empty where nothing was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    bundle: BundleMetadata
    bundle_hash: str
    timesteps: Annotated[tuple[int, ...], Field(min_length=1)]
    process: Process
    clip: bool
    seed: int
    precision: str = "float32"
    device: str = "cpu"
    versions: dict[str, str] = Field(default_factory=dict)
    created: str = ""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    sources: tuple[SourceFile, ...] = ()
    warnings: tuple[str, ...] = ()
    preparation: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _grid_on_the_schedule(self) -> Self:
        steps = self.timesteps
        last = self.bundle.schedule.num_steps
        if list(steps) != sorted(set(steps)) or steps[0] < 1 or steps[-1] > last:
            raise ValueError(f"timesteps must increase within 1..{last}")
        return self

    def picture_guidance(self, guidance: float) -> float:
        """Return the guidance for pictures of the healthy prediction.

        A model that was trained with counterfactual twins takes lesions away by itself: its picture
        has a guidance of 0, and more would exaggerate it. Any other model needs the guidance of its
        map. See docs/method.md#1211-counterfactual-twins.

        Parameters
        ----------
        guidance : float
            w, as the map has it.
        """
        config = self.bundle.training.get("config")
        fraction = config.get("counterfactual_fraction") if isinstance(config, dict) else None
        return 0.0 if isinstance(fraction, int | float) and fraction > 0 else guidance
