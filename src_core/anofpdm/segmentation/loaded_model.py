"""A model whose network stays ready from one scan to the next."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Self

from anofpdm.analysis.batches.shared_calls import SharedPredictor
from anofpdm.common.device import resolve_device
from anofpdm.model.bundle import ModelBundle
from anofpdm.model.memory import most_slices
from anofpdm.model.precision import Precision

if TYPE_CHECKING:
    import torch

    from anofpdm.method.forward_process import NoisePredictor


@dataclass(frozen=True)
class LoadedModel(ModelBundle):
    """A bundle that builds its network once for each device and precision, and keeps it.

    Attributes
    ----------
    shared_slices : int or None
        Largest number of slices, of all threads, in a call of the network; None if one thread at a
        time uses it.
    """

    shared_slices: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    _predictors: dict[tuple[str, str], NoisePredictor] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, bundle: ModelBundle, *, shared_slices: int | None = None) -> Self:
        """Keep the network of a bundle, which itself keeps none."""
        known = {each.name: getattr(bundle, each.name) for each in fields(ModelBundle)}
        return cls(**known, shared_slices=shared_slices)

    def predictor(
        self, device: str | torch.device = "cpu", precision: Precision = "float32"
    ) -> NoisePredictor:
        """Return the network as a noise predictor; see `ModelBundle.predictor`."""
        place = (str(device), precision)
        with self._lock:
            if place not in self._predictors:
                made = super().predictor(device, precision)
                if self.shared_slices is not None:
                    made = SharedPredictor(made, 2 * self.shared_slices)
                self._predictors[place] = made
            return self._predictors[place]


def slices_to_share(bundle: ModelBundle, device: str, batch_size: int | None) -> int | None:
    """Return the `shared_slices` that suit a device; None where larger calls gain nothing.

    Parameters
    ----------
    bundle : ModelBundle
    device : str
        As of `resolve_device`.
    batch_size : int or None
        Slices in a call of the network; None goes by the memory.

    Raises
    ------
    DeviceError
        When the device cannot be used.
    """
    where = resolve_device(device)
    if not where.startswith("cuda"):
        return None
    return batch_size or most_slices(bundle.metadata.network, where)
