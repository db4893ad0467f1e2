"""Estimate of a run's time and memory, before the network runs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from anofpdm.analysis.steps import estimate_nbytes
from anofpdm.common.cost import measured_range
from anofpdm.common.device import resolve_device, synchronize
from anofpdm.common.errors import Cancelled
from anofpdm.method.calibration import chosen_grid
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.memory import default_batch_size, slice_bytes
from anofpdm.model.precision import Precision, ResolvedPrecision

# A call that lasts this long shows the pace of larger ones.
_LONG_CALL_SECONDS = 1.0
_CALLS = 3
_BATCH_GAIN = 1.5
# Drawing noise, arithmetic of the steps and storing took up to a quarter more than the network.
_BESIDE_NETWORK = 1.25

_paces: dict[tuple[object, ...], tuple[float, float]] = {}


@dataclass(frozen=True)
class RunEstimate:
    """Expected cost of a run.

    Attributes
    ----------
    slices, steps : int
        What it was estimated for.
    seconds : tuple of float, or None
        Least and most time of the run; None when not even one slice fits into the memory of the
        device.
    analysis_bytes : int
        What the analysis takes, in memory or a little less on disk.
    network_bytes : int
        What the network takes on its device while it runs: weights and feature maps.
    """

    slices: int
    steps: int
    seconds: tuple[float, float] | None
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
    should_cancel: Callable[[], bool] = lambda: False,
) -> RunEstimate:
    """Estimate a run of `anofpdm.analyze`.

    The pace of a model is measured once per process, until a run has shown it.

    Parameters
    ----------
    slices : int
        Number to be analysed; see `anofpdm.scans.preprocessing.preprocess`.
    bundle, steps, device, precision, batch_size
        As of `anofpdm.analyze`.
    should_cancel : callable
        Asked before each call of the network.

    Raises
    ------
    AnofpdmError
        When the bundle or the device cannot be used, or `Cancelled`.
    """
    import torch

    model = bundle if isinstance(bundle, ModelBundle) else load_bundle(bundle)
    network = model.metadata.network
    count = chosen_grid(model.metadata.calibration, steps=steps).steps
    where = resolve_device(device)
    size = batch_size or default_batch_size(network, count, where, slices)
    size = min(size, slices)
    seconds: tuple[float, float] | None
    try:
        resolved = model.precision_on(precision, where)
        least, most = _seconds_a_slice(model, where, resolved, size, should_cancel)
    except (torch.OutOfMemoryError, MemoryError):
        seconds = None
    else:
        calls = slices * count
        seconds = measured_range(least * calls, most * calls)
    side = network.image_size
    return RunEstimate(
        slices=slices,
        steps=count,
        seconds=seconds,
        analysis_bytes=estimate_nbytes(slices, count, len(model.metadata.scored), side, side),
        network_bytes=_weight_bytes(model) + size * slice_bytes(network, count),
    )


def _weight_bytes(model: ModelBundle) -> int:
    """Bytes of the weights in float32, as the network holds them."""
    return 4 * sum(math.prod(shape) for shape in model.weight_shapes.values())


def remember_run(
    model: ModelBundle, device: str, precision: ResolvedPrecision, size: int, pace: float
) -> None:
    """Keep the pace of a whole run, which later estimates of this process are made by.

    Parameters
    ----------
    model, device, precision, size
        The bundle, where and how it ran, and the slices of a batch.
    pace : float
        Seconds that one slice and step took.
    """
    _paces[_key(model, device, precision, size)] = (pace, pace)


def _key(
    model: ModelBundle, device: str, precision: ResolvedPrecision, size: int
) -> tuple[object, ...]:
    import torch

    return model.hash, device, precision, torch.get_num_threads(), size


def _seconds_a_slice(
    model: ModelBundle,
    device: str,
    precision: ResolvedPrecision,
    size: int,
    should_cancel: Callable[[], bool],
) -> tuple[float, float]:
    """Least and most seconds that one slice and step takes in a batch of `size` slices."""
    key = _key(model, device, precision, size)
    if key not in _paces:
        call = _network_call(model, device, precision)

        def unless_cancelled(slices: int) -> float:
            if should_cancel():
                raise Cancelled("The estimate was cancelled.")
            return call(slices)

        _paces[key] = _measured(unless_cancelled, size)
    return _paces[key]


def _measured(call: Callable[[int], float], size: int) -> tuple[float, float]:
    """Time calls of the full batch, or where those last long, of a part of it.

    Every call also waits for its threads, on a loaded machine for longer than it computes; a few
    slices promise little about many. So the part grows until a call of it is long, and what it
    takes beyond a call of one slice gives the least time of a full batch.
    """
    call(1)  # the first call of a shape makes plans and reserves memory
    one = min(call(1), call(1))
    part, seconds = 1, one
    while part < size and seconds < _LONG_CALL_SECONDS:
        part = min(size, max(2 * part, int(part * _LONG_CALL_SECONDS / seconds)))
        call(part)
        seconds = call(part)
    times = [seconds, *(call(part) for _ in range(_CALLS - 1))]
    least, mean = min(times) / part, sum(times) / (_CALLS * part)
    if part < size:
        least /= _BATCH_GAIN
        if part > 1:
            more = max(min(times) - one, 0.0) / (part - 1)
            least = min(least, (one + more * (size - 1)) / size)
    return least, _BESIDE_NETWORK * mean


def _network_call(
    model: ModelBundle, device: str, precision: ResolvedPrecision
) -> Callable[[int], float]:
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
