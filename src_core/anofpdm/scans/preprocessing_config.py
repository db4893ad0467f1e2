"""How a scan is turned into a model's slices, as one validated value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anofpdm.scans.geometry import Direction

Intensity = Literal["volume_p99", "volume_median", "slice_minmax"]

MEDIAN_HEADROOM = 1.6
"""White level of `volume_median`, in medians of the brain. On FLAIR, 99 % of healthy tissue lies
below 1.2 to 1.6 medians (phantoms and four scans), and lesions mostly between 1.2 and 2.2."""


class PreprocessingConfig(BaseModel):
    """How a model's slices are made. A checkpoint works only with the values it was trained with.

    Attributes
    ----------
    size : int
        Rows and columns of the network's image.
    field_of_view : {"fixed", "stretch"}
        `fixed`: a square of `extent_mm` centred on the brain. `stretch`: the whole slice.
    extent_mm : float or None
        Side of the fixed field in mm; None with `stretch`.
    intensity : {"volume_p99", "volume_median", "slice_minmax"}
        `volume_p99`: 2 clip(v / p99, 0, 1) - 1, p99 of the volume's foreground (the paper).
        `volume_median`: the same with `MEDIAN_HEADROOM` times the foreground's median instead of
        p99, so that tissue has the same grey whatever the lesion's size; see
        docs/method.md#124-scaling-by-the-median.
        `slice_minmax`: 2 (x - min) / (max - min + 1e-5) - 1 for each slice (the reference code).
    rows, columns : {"R", "L", "A", "P"}
        Patient direction in which the row and column indices of the network's image increase.
    brain_extracted : bool
        Whether the model was trained on brain-extracted scans.
    min_foreground_fraction : float
        Slices whose foreground fills less of the field of view are not analysed.
    spacing_range_mm : tuple of float or None
        Smallest and largest slice distance of the training or test data, for warnings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    size: int = Field(ge=8, le=1024)
    field_of_view: Literal["fixed", "stretch"] = "fixed"
    extent_mm: float | None = Field(default=None, gt=0, le=1000)
    intensity: Intensity = "volume_p99"
    rows: Direction = "P"
    columns: Direction = "L"
    brain_extracted: bool = True
    min_foreground_fraction: float = Field(default=0.02, ge=0, lt=1)
    spacing_range_mm: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.field_of_view == "fixed") != (self.extent_mm is not None):
            raise ValueError("extent_mm must be set for field_of_view 'fixed', and only for it")
        if (self.rows in "RL") == (self.columns in "RL"):
            raise ValueError("rows and columns must run along different axes")
        low, high = self.spacing_range_mm or (1.0, 1.0)
        if not 0 < low <= high:
            raise ValueError("spacing_range_mm must be the smaller, then the larger distance")
        return self


def picture_differences(
    made: Mapping[str, Any], config: PreprocessingConfig
) -> dict[str, tuple[Any, Any]]:
    """Tell in what slices differ from those of a model, as a picture would show it.

    Parameters
    ----------
    made : mapping
        How the slices were made, as JSON values; what it does not name is taken for equal.
    config : PreprocessingConfig
        The model's.

    Returns
    -------
    dict
        For each key of `PreprocessingConfig` that differs, its value in `made` and in `config`.
        The size is not among them: it is the network's.
    """
    wanted = config.model_dump(mode="json")
    names = ("field_of_view", "extent_mm", "intensity", "rows", "columns")
    return {
        name: (made[name], wanted[name])
        for name in names
        if name in made and made[name] != wanted[name]
    }
