"""`RunRequest`: the input of a run from the Analyse panel, and the run itself."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anofpdm import Analysis, Volume
    from anofpdm.analysis.progress import SliceProgress
    from anofpdm.method.calibration import Process
    from anofpdm.model.precision import Precision


@dataclass(frozen=True, eq=False)
class RunRequest:
    """One run; see `anofpdm.analyze` for its fields.

    Attributes
    ----------
    bundle : str
        Name or path.
    volumes : mapping of str to Volume
        One per modality.
    brain_mask : Volume or None
    process : {"ddim", "ddpm"}
    steps : int
    device, precision : str
    batch_size, memory_limit : int or None
    temporary_folder : Path or None
    slices : tuple of int or None
        Canonical axial indices; None is all.
    first_slice : int or None
        Canonical axial index of the slice in view.
    preparation : mapping
        What was done to the scans before.
    """

    bundle: str
    volumes: Mapping[str, Volume]
    brain_mask: Volume | None
    process: Process
    steps: int
    device: str = "auto"
    precision: Precision = "auto"
    batch_size: int | None = None
    memory_limit: int | None = None
    temporary_folder: Path | None = None
    slices: tuple[int, ...] | None = None
    first_slice: int | None = None
    preparation: Mapping[str, Any] = field(default_factory=dict)

    def in_short(self, text: str) -> str:
        """Shorten the scans' paths in a message to file names, to fit a narrow panel."""
        for volume in self.volumes.values():
            if volume.path is not None:
                text = text.replace(str(volume.path), Path(volume.path).name)
        return text


@dataclass(frozen=True)
class RunListener:
    """Callbacks of a run, called on the thread that runs it.

    Attributes
    ----------
    stage : callable
        Takes the name of the current stage.
    started : callable
        Takes the analysis while it grows.
    slices : callable
        Takes the positions that were just finished.
    progress : callable
        Takes `anofpdm.analysis.progress.SliceProgress`.
    """

    stage: Callable[[str], None]
    started: Callable[[Analysis], None]
    slices: Callable[[list[int]], None]
    progress: Callable[[SliceProgress], None]


def perform(
    request: RunRequest, listener: RunListener, should_cancel: Callable[[], bool]
) -> Analysis:
    """Run a request, on the engine thread.

    Raises
    ------
    AnofpdmError
        If the request is invalid, or `Cancelled`.
    """
    from anofpdm import analyze, load_bundle
    from anofpdm.common.device import release_memory

    try:
        listener.stage("Reading the model")
        model = load_bundle(request.bundle)
        listener.stage("Preparing the scan")
        return analyze(
            request.volumes,
            model,
            brain_mask=request.brain_mask,
            process=request.process,
            steps=request.steps,
            device=request.device,
            precision=request.precision,
            batch_size=request.batch_size,
            memory_limit=request.memory_limit,
            temporary_folder=request.temporary_folder,
            slices=request.slices,
            first_slice=request.first_slice,
            preparation=request.preparation,
            on_start=listener.started,
            on_slices=listener.slices,
            on_progress=listener.progress,
            should_cancel=should_cancel,
        )
    except BaseException as error:
        _let_go(error)
        raise
    finally:
        release_memory()


def _let_go(error: BaseException) -> None:
    """Clear the frames of an error and its causes, which hold the network and its tensors."""
    pending, seen = [error], set[int]()
    while pending:
        each = pending.pop()
        if id(each) not in seen:
            seen.add(id(each))
            traceback.clear_frames(each.__traceback__)
            pending += [e for e in (each.__cause__, each.__context__) if e is not None]
