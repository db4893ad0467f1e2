"""A model whose network stays ready from one scan to the next."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Self

from anofpdm.model.bundle import ModelBundle
from anofpdm.model.precision import Precision

if TYPE_CHECKING:
    import torch

    from anofpdm.method.forward_process import NoisePredictor


class LoadedModel(ModelBundle):
    """A bundle that builds its network once for each device and precision, and keeps it."""

    @classmethod
    def of(cls, bundle: ModelBundle) -> Self:
        """Keep the network of a bundle, which itself keeps none."""
        return cls(**{each.name: getattr(bundle, each.name) for each in fields(bundle)})

    def predictor(
        self, device: str | torch.device = "cpu", precision: Precision = "float32"
    ) -> NoisePredictor:
        """Return the network as a noise predictor; see `ModelBundle.predictor`."""
        kept: dict[tuple[str, str], NoisePredictor] = self.__dict__.setdefault("_predictors", {})
        place = (str(device), precision)
        if place not in kept:
            kept[place] = super().predictor(device, precision)
        return kept[place]
