"""Random changes of training images; needs no torch."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Augmentation(BaseModel):
    """Random changes of training images; every one is off by default.

    Attributes
    ----------
    flip : bool
        Mirror left and right in half of the images.
    gamma : float
        v ** g, log g uniform within +-`gamma`; for each image and modality.
    gain : float
        v * k, k uniform in 1 +- `gain`, clipped to [0, 1]; for each image and modality.
    bias : float
        v * exp(field), a smooth field of low cosine orders, peak at most `bias`.
    rotation : float
        Degrees, uniform within +-`rotation`.
    scale : float
        Zoom, log-uniform within +-`scale`.
    shift : float
        Fraction of the image's width, uniform within +-`shift`, both axes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    flip: bool = False
    gamma: float = Field(default=0.0, ge=0, le=2)
    gain: float = Field(default=0.0, ge=0, lt=1)
    bias: float = Field(default=0.0, ge=0, le=1)
    rotation: float = Field(default=0.0, ge=0, le=180)
    scale: float = Field(default=0.0, ge=0, le=1)
    shift: float = Field(default=0.0, ge=0, le=0.5)
