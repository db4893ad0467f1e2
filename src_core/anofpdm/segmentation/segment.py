"""Segment one scan: from its files to the files of its results."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anofpdm.analysis.engine import analyze, segment_live
from anofpdm.analysis.progress import SliceProgress
from anofpdm.method.interpretation import interpret
from anofpdm.preprocessing.chain import prepare_scans
from anofpdm.results.folder import ANALYSIS_FOLDER
from anofpdm.segmentation.calibration_warnings import warn_of_calibration
from anofpdm.segmentation.image_file import ImageFile
from anofpdm.segmentation.messages import Messages
from anofpdm.segmentation.outcome import finish_results, write_brain_mask
from anofpdm.segmentation.settings import SegmentationSettings

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.results.native import NativeResult


@dataclass(frozen=True)
class ScanFiles:
    """The files of one examination.

    Attributes
    ----------
    images : mapping of str to ImageFile
        By modality, in the model's order.
    brain_mask : ImageFile or None
    """

    images: Mapping[str, ImageFile]
    brain_mask: ImageFile | None = None


@dataclass(frozen=True)
class Segmented:
    """A segmented scan.

    Attributes
    ----------
    report : dict
        See `build_report`.
    analysis, interpretation, native
        The result, on the network's grid and on the scan's.
    """

    report: dict[str, Any]
    analysis: Analysis = field(repr=False)
    interpretation: Interpretation = field(repr=False)
    native: NativeResult = field(repr=False)


def segment_files(
    scan: ScanFiles,
    model: ModelBundle,
    settings: SegmentationSettings,
    folder: Path,
    messages: Messages,
    *,
    progress: Callable[
        [], AbstractContextManager[Callable[[SliceProgress], None] | None]
    ] = lambda: nullcontext(None),
) -> Segmented:
    """Read a scan, prepare and segment it, and write its results.

    Parameters
    ----------
    scan : ScanFiles
        What to read.
    model : ModelBundle
    settings : SegmentationSettings
        See `SegmentationSettings.check`.
    folder : Path
        An existing folder, as `result_folder` yields it.
    messages : Messages
        Told what was done and what is to be known; its warnings stand in the report.
    progress : callable
        Opened while the network runs; what it yields is told of the progress.

    Raises
    ------
    AnofpdmError
        When a file cannot be read or does not suit the model, or results cannot be written.
    """
    started = time.perf_counter()
    volumes = {
        modality: file.read(modality, form=settings.form, keep_path=settings.keep_paths)
        for modality, file in scan.images.items()
    }
    target = settings.files.dicom_output(next(iter(volumes.values())), messages)
    mask = None
    if scan.brain_mask is not None:
        mask = scan.brain_mask.read(form=settings.form, keep_path=settings.keep_paths)
    known = model.metadata
    warn_of_calibration(messages, model.name, known.calibration, settings.reading, settings.grid)
    chain = settings.preparation
    if chain.skull == "auto" and not known.preprocessing.brain_extracted:
        chain = replace(chain, skull="keep")  # the model was trained with the skull
    ready = prepare_scans(volumes, chain, brain_mask=mask, note=messages.note, warn=messages.warn)
    write_brain_mask(folder, ready)
    grid = settings.grid
    with progress() as show:
        run: dict[str, Any] = {
            "brain_mask": ready.brain_mask,
            "preparation": ready.record,
            "process": grid.process,
            "steps": grid.steps,
            "t_max": grid.t_max,
            "seed": settings.seed,
            "device": settings.device,
            "precision": settings.precision,
            "batch_size": settings.batch_size,
            "on_progress": show,
        }
        if settings.files.analysis:
            analysis = analyze(ready.volumes, model, store=folder / ANALYSIS_FOLDER, **run)
            interpretation = interpret(analysis, settings.reading)
        else:
            analysis, interpretation = segment_live(ready.volumes, model, settings.reading, **run)
    report, native = finish_results(
        folder,
        analysis,
        interpretation,
        started,
        messages,
        more=settings.files.names,
        dicom=target,
        regions=settings.files.regions,
    )
    return Segmented(report, analysis, interpretation, native)


@contextmanager
def logged_to(messages: Messages) -> Iterator[None]:
    """Let the warnings that the library logs in a block, on this thread, be messages."""
    handler = _Handler(messages)
    log = logging.getLogger("anofpdm")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, messages: Messages) -> None:
        super().__init__(logging.WARNING)
        self._messages, self._thread = messages, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._messages.warn(record.getMessage())
