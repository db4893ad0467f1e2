"""`RunEstimator`: time, memory, doubts and devices of a run to come, off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QObject, QTimer, Signal

from napari_anofpdm.host.notify import sentence_of
from napari_anofpdm.session.engine_thread import Task, submit

if TYPE_CHECKING:
    from anofpdm.analysis.estimate import RunEstimate
    from napari_anofpdm.session.run_request import RunRequest

# Long enough that typing a number, or opening several scans, asks once.
_DELAY_MS = 800


@dataclass(frozen=True)
class Devices:
    """What can compute here.

    Attributes
    ----------
    automatic : str
        What "auto" takes, in words.
    unusable : dict of str to str or None
        For "cpu", "cuda" and "mps" the reason why it cannot be used, or None.
    no_cuda : str or None
        The same reason for CUDA, without a remedy.
    """

    automatic: str
    unusable: dict[str, str | None]
    no_cuda: str | None


@dataclass(frozen=True)
class Outlook:
    """What is to be expected of a run.

    Attributes
    ----------
    estimate : RunEstimate
    warnings : tuple of str
        What may spoil the result, one sentence each, such as a scan with its skull.
    """

    estimate: RunEstimate
    warnings: tuple[str, ...] = ()


class RunEstimator(QObject):
    """Answers the latest request, a moment after it was made.

    The first answer imports PyTorch, which is why nothing is asked before a scan is chosen.

    Attributes
    ----------
    devices_found : Signal(Devices)
    estimated : Signal(Outlook)
    failed : Signal(str)
        One sentence why there is no estimate.
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
        """Ask for an estimate of a run; a newer question takes the place of an older one."""
        self.forget()
        self._request = request
        self._timer.start()

    def forget(self) -> None:
        """Ask nothing."""
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
            self._tasks.append(submit(_look, on_done=self._on_devices, on_error=self._on_error))
        task = submit(_estimate, request, on_done=self._on_outlook, on_error=self._on_error)
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
            self.failed.emit(sentence_of(error, "the estimate"))


def _look() -> Devices:
    from anofpdm.analysis.engine import device_name
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


def _estimate(request: RunRequest) -> Outlook:
    from anofpdm import load_bundle
    from anofpdm.analysis.estimate import estimate_run
    from anofpdm.scans.preprocessing import preprocess

    model = load_bundle(request.bundle)
    known = model.metadata
    # As the run will do it: what is wrong with a scan is told before its minutes are spent.
    stack = preprocess(request.volumes, known.modalities, known.preprocessing, request.brain_mask)
    estimate = estimate_run(
        len(stack.slice_ids),
        model,
        steps=request.steps,
        device=request.device,
        precision=request.precision,
        batch_size=request.batch_size,
    )
    return Outlook(estimate, tuple(request.in_short(text) for text in stack.warnings))


def estimate_in_words(estimate: RunEstimate) -> str:
    """Two lines on time and memory."""
    from anofpdm.common.quantities import duration_in_words, size_in_words

    time = "not even one slice fits into the memory of the device"
    if estimate.seconds is not None:
        time = f"about {duration_in_words(max(estimate.seconds, 1))}"
    return (
        f"Time: {time} for {estimate.slices} slices\n"
        f"Memory: {size_in_words(estimate.network_bytes)} to run, "
        f"{size_in_words(estimate.analysis_bytes)} to keep"
    )
