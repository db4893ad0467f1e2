"""Settings of the refinement: the map locates, the scan's own voxels delineate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from anofpdm.common.errors import SettingsError

Deviations = Annotated[float, Field(ge=-10, le=100)]


class Refinement(BaseModel):
    """How the mask is redrawn on the scan's own voxels (docs/method.md#129-refinement-on-the-scan).

    z is the scan, smoothed, less the median of the brain, divided by the brain's robust standard
    deviation. Its sign follows the polarity: z for hyperintense, -z for hypointense lesions, |z|
    for both.

    Attributes
    ----------
    border : float
        Voxels within reach of a candidate are marked if z is at least `border`, in robust standard
        deviations ...
    contrast : float
        ... and at least this fraction, 0..1, of the candidate's own level: the 75th percentile of
        its z. So the border of a bright lesion lies higher than that of a faint one; 0 is one
        border for all ...
    core : float
        ... and they are connected to a voxel of a candidate with z at least `border` + `core`; 0 or
        more, in robust standard deviations.
    share : float
        In (0, 1]. Candidates are voxels where the anomaly map reaches `share` times the threshold
        of its slice.
    reach_mm : float
        Largest distance from a candidate to a marked voxel, in mm, 0..20.
    smoothing_mm : float
        Standard deviation of the Gaussian that smooths the scan, in mm, 0..5.
    modality : str or None
        The reference: the scored modality whose scan is used; None selects the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    border: Deviations = 1.5
    contrast: float = Field(default=0.4, ge=0, le=1)
    core: float = Field(default=1.5, ge=0, le=100)
    share: float = Field(default=0.5, gt=0, le=1)
    reach_mm: float = Field(default=4.0, ge=0, le=20)
    smoothing_mm: float = Field(default=0.5, ge=0, le=5)
    modality: str | None = None

    def reference(self, scored: Sequence[str]) -> str:
        """Return the modality to refine on.

        Parameters
        ----------
        scored : sequence of str
            The modalities that the model scores.

        Raises
        ------
        SettingsError
            When `modality` is not among them.
        """
        if self.modality is None:
            return scored[0]
        if self.modality not in scored:
            raise SettingsError(
                f"The settings refine on {self.modality}, but the model scores "
                f"{', '.join(scored)}; choose one of these."
            )
        return self.modality
