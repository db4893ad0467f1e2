"""Predictions of a batch's steps on their way from the device to the analysis, without waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anofpdm.analysis.metadata import StepDtype
from anofpdm.analysis.writer import kept_as

if TYPE_CHECKING:
    from anofpdm.method.forward_process import Step

NAMES = ("x0_null", "eps_gap")


class StepBuffers:
    """Memory for all steps of a batch of slices.

    The predictions are converted on their device. From a GPU they come through pinned memory, by a
    stream of their own; the host waits for the step before the last one put. So the GPU always has
    work, and what counts steps or cancels is one step behind at most.

    Parameters
    ----------
    shape : sequence of int
        (slices, steps, scored channels, rows, columns).
    dtype : {"float16", "float32"}
        What the predictions are kept as.
    device : str
        Where they come from.
    """

    def __init__(self, shape: Sequence[int], dtype: StepDtype, device: str) -> None:
        self._dtype = dtype
        self._torch_dtype: torch.dtype = getattr(torch, dtype)
        self._kept = {name: np.empty(shape, dtype) for name in NAMES}
        self._largest: list[Tensor] = []
        self._on_the_way: tuple[int, torch.cuda.Event] | None = None
        self._stream: torch.cuda.Stream | None = None
        if torch.device(device).type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            # One place for the step on its way, one for the step after it.
            size = (2, len(NAMES), shape[0], *shape[2:])
            self._pinned = torch.empty(size, dtype=self._torch_dtype, pin_memory=True)

    def put(self, step: Step) -> None:
        """Take in a step, of the scored channels."""
        values = [getattr(step, name) for name in NAMES]
        self._largest.append(torch.stack([each.abs().amax() for each in values]))
        narrow = [each.to(self._torch_dtype) for each in values]
        if self._stream is None:
            self._keep(step.position, narrow)
            return
        self._stream.wait_stream(torch.cuda.current_stream(narrow[0].device))
        with torch.cuda.stream(self._stream):
            for target, each in zip(self._pinned[step.position % 2], narrow, strict=True):
                target.copy_(each, non_blocking=True)
                each.record_stream(self._stream)
            arrived = self._stream.record_event()
        self._await()
        self._on_the_way = step.position, arrived

    def read(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Wait for the last step; return x0_null and eps_gap, each of the shape given.

        Raises
        ------
        AnalysisError
            When a value is too large for the dtype.
        """
        self._await()
        for name, largest in zip(NAMES, torch.stack(self._largest).amax(0).tolist(), strict=True):
            kept_as(self._dtype, name, largest)
        return self._kept["x0_null"], self._kept["eps_gap"]

    def _await(self) -> None:
        """Wait for the step on its way, and keep it."""
        if self._on_the_way is not None:
            position, arrived = self._on_the_way
            arrived.synchronize()
            self._keep(position, list(self._pinned[position % 2]))
            self._on_the_way = None

    def _keep(self, position: int, values: Sequence[Tensor]) -> None:
        for name, each in zip(NAMES, values, strict=True):
            self._kept[name][:, position] = each.numpy()
