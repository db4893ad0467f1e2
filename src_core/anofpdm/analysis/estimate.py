"""Estimate of a run's time and memory, before the network runs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from anofpdm.analysis.steps import estimate_nbytes
from anofpdm.common.device import resolve_device, synchronize
from anofpdm.method.calibration import chosen_grid
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.memory import default_batch_size, slice_bytes
from anofpdm.model.precision import Precision

# A call of the full batch is timed only where a single slice promises it to be this short.
_LONGEST_CALL_SECONDS = 1.0

_rates: dict[tuple[object, ...], float] = {}


@dataclass(frozen=True)
class RunEstimate:
    """Expected cost of a run.

    Attributes
    ----------
    slices, steps : int
        What it was estimated for.
    seconds : float or None
        Time in the network; None when not even one slice fits into the memory of the device.
    analysis_bytes : int
        What the analysis takes, in memory or a little less on disk.
    network_bytes : int
        What the network takes on its device while it runs: weights and feature maps.
    """

    slices: int
    steps: int
    seconds: float | None
    analysis_bytes: int
    network_bytes: int


def estimate_run(
    slices: int,
    bundle: ModelBundle | str | os.PathLike[str] = "flair-synth",
    *,
    steps: int | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    batch_size: int | None = None,
) -> RunEstimate:
    """Estimate a run of `anofpdm.analyze`; a model's pace is measured once per process.

    Parameters
    ----------
    slices : int
        Number to be analysed; see `anofpdm.scans.preprocessing.preprocess`.
    bundle, steps, device, precision, batch_size
        As of `anofpdm.analyze`.

    Raises
    ------
    AnofpdmError
        When the bundle or the device cannot be used.
    """
    import torch

    model = bundle if isinstance(bundle, ModelBundle) else load_bundle(bundle)
    network = model.metadata.network
    count = chosen_grid(model.metadata.calibration, steps=steps).steps
    where = resolve_device(device)
    size = batch_size or default_batch_size(network, count, where, slices)
    size = min(size, slices)
    pace: float | None
    try:
        pace = _seconds_a_slice(model, where, precision, size)
    except (torch.OutOfMemoryError, MemoryError):
        pace = None
    side = network.image_size
    return RunEstimate(
        slices=slices,
        steps=count,
        seconds=None if pace is None else pace * slices * count,
        analysis_bytes=estimate_nbytes(slices, count, len(model.metadata.scored), side, side),
        network_bytes=_weight_bytes(model) + size * slice_bytes(network, count),
    )


def _weight_bytes(model: ModelBundle) -> int:
    """Bytes of the weights in float32, as the network holds them."""
    return 4 * sum(math.prod(shape) for shape in model.weight_shapes.values())


def _seconds_a_slice(model: ModelBundle, device: str, precision: Precision, size: int) -> float:
    """Seconds that one slice and step takes in a batch of `size` slices."""
    import torch

    key = (model.hash, device, precision, torch.get_num_threads(), size)
    if key not in _rates:
        call = _network_call(model, device, precision)
        call(1)  # the first call of a shape makes plans and reserves memory
        seconds = call(1)
        if size > 1 and size * seconds < _LONGEST_CALL_SECONDS:
            call(size)
            seconds = call(size) / size
        _rates[key] = seconds
    return _rates[key]


def _network_call(model: ModelBundle, device: str, precision: Precision) -> Callable[[int], float]:
    """Return a function that runs one step of that many slices and returns the seconds."""
    import torch

    predictor = model.predictor(device, precision)
    network = model.metadata.network
    side, channels = network.image_size, network.in_channels

    def call(slices: int) -> float:
        # The healthy and the null prediction of a step are one call.
        x = torch.zeros((2 * slices, channels, side, side), device=device)
        index = torch.zeros(2 * slices, dtype=torch.int64, device=device)
        synchronize(device)
        started = time.perf_counter()
        with torch.inference_mode():
            predictor(x, index, torch.zeros_like(index))
        synchronize(device)
        return time.perf_counter() - started

    return call
