"""`RunEstimator`: estimates time and memory of a run, and finds devices, off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_anofpdm.host.notify import sentence_of
from napari_anofpdm.session.engine_thread import Task, is_cancelled, submit

if TYPE_CHECKING:
    from anofpdm import ModelBundle
    from anofpdm.analysis.estimate import RunEstimate
    from napari_anofpdm.session.run_request import RunRequest

# Long enough that typing a number, or opening several scans, causes one request.
_DELAY_MS = 800


@dataclass(frozen=True)
class Devices:
    """Devices of this computer.

    Attributes
    ----------
    automatic : str
        Name of the device that "auto" selects.
    unusable : dict of str to str or None
        For "cpu", "cuda" and "mps" the reason why it is unavailable, or None.
    no_cuda : str or None
        The same reason for CUDA, without a remedy.
    """

    automatic: str
    unusable: dict[str, str | None]
    no_cuda: str | None


@dataclass(frozen=True)
class Outlook:
    """Expected cost of a run, and warnings about it.

    Attributes
    ----------
    estimate : RunEstimate
    warnings : tuple of str
        Warnings about the result, one sentence each, for example about a scan with skull.
    """

    estimate: RunEstimate
    warnings: tuple[str, ...] = ()


class RunEstimator(QObject):
    """Answers the latest request after a short delay.

    The first answer imports PyTorch, so no request is made before a scan is chosen. The scan is
    looked at on a thread of its own, and only the network is timed on that of the runs: a run that
    is started meanwhile waits for one call of the network at most.

    Attributes
    ----------
    devices_found : Signal(Devices)
    estimated : Signal(Outlook)
    failed : Signal(str)
        One sentence that says why there is no estimate.
    """

    devices_found = Signal(object)
    estimated = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._request: RunRequest | None = None
        self._tasks: list[Task] = []
        self.devices: Devices | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self._start)

    def ask(self, request: RunRequest) -> None:
        """Request an estimate of a run; a new request replaces the previous one."""
        self.forget()
        self._request = request
        self._timer.start()

    def forget(self) -> None:
        """Cancel the current request."""
        self._timer.stop()
        self._request = None
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def _start(self) -> None:
        request, self._request = self._request, None
        if request is None:
            return
        if self.devices is None:
            look = submit(_look, on_done=self._on_devices, on_error=self._on_error, lane="look_up")
            self._tasks.append(look)
        task = submit(
            _looked_at,
            request,
            on_done=lambda scan: self._time(request, scan),
            on_error=self._on_error,
            lane="look_up",
        )
        self._tasks.append(task)

    def _time(self, request: RunRequest, scan: _LookedAt) -> None:
        if isalive(self):
            task = submit(
                _estimate, request, scan, on_done=self._on_outlook, on_error=self._on_error
            )
            self._tasks.append(task)

    def _on_devices(self, devices: Devices) -> None:
        if not isalive(self):
            return
        self.devices = devices
        self.devices_found.emit(devices)

    def _on_outlook(self, outlook: Outlook) -> None:
        if not isalive(self):
            return
        self._tasks = []
        self.estimated.emit(outlook)

    def _on_error(self, error: Exception) -> None:
        from anofpdm.common.errors import Cancelled

        if isalive(self) and not isinstance(error, Cancelled):
            self.failed.emit(sentence_of(error, "estimating the run"))


def _look() -> Devices:
    from anofpdm.analysis.run import device_name
    from anofpdm.common.device import resolve_device, why_no_cuda
    from anofpdm.common.errors import DeviceError

    unusable: dict[str, str | None] = {}
    for name in ("cpu", "cuda", "mps"):
        try:
            resolve_device(name)
            unusable[name] = None
        except DeviceError as error:
            unusable[name] = str(error)
    return Devices(device_name(resolve_device("auto")), unusable, why_no_cuda())


@dataclass(frozen=True, eq=False)
class _LookedAt:
    """The model and the scan of a request: slices to analyse, and warnings about them."""

    model: ModelBundle
    slices: int
    warnings: tuple[str, ...]


def _looked_at(request: RunRequest) -> _LookedAt:
    from anofpdm import load_bundle
    from anofpdm.scans.preprocessing import preprocess

    model = load_bundle(request.bundle)
    known = model.metadata
    # The same preprocessing as in the run reports errors of a scan before the run starts.
    stack = preprocess(request.volumes, known.modalities, known.preprocessing, request.brain_mask)
    warnings = tuple(request.in_short(text) for text in stack.warnings)
    return _LookedAt(model, len(stack.slice_ids), warnings)


def _estimate(request: RunRequest, scan: _LookedAt) -> Outlook:
    from anofpdm.analysis.estimate import estimate_run

    estimate = estimate_run(
        scan.slices,
        scan.model,
        steps=request.steps,
        device=request.device,
        precision=request.precision,
        batch_size=request.batch_size,
        should_cancel=is_cancelled,
    )
    return Outlook(estimate, scan.warnings)


def estimate_in_words(estimate: RunEstimate) -> str:
    """Return two lines about time and memory."""
    from anofpdm.common.quantities import range_in_words, size_in_words

    time, reason = "unknown", " (no slice fits into the device's memory)"
    if estimate.seconds is not None:
        time, reason = range_in_words(*estimate.seconds), ""
    return (
        f"Time: {time} for {estimate.slices} slices{reason}\n"
        f"Memory: {size_in_words(estimate.network_bytes)} to run, "
        f"{size_in_words(estimate.analysis_bytes)} for the result"
    )
