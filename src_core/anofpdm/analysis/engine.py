"""`analyze`: the expensive half. The network walks the forward process once for every slice."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.destination import choose_place
from anofpdm.analysis.growing import finished, growing
from anofpdm.analysis.metadata import StepDtype
from anofpdm.analysis.progress import SliceProgress
from anofpdm.analysis.run import Listeners, Run
from anofpdm.analysis.writer import AnalysisWriter
from anofpdm.common.errors import SettingsError
from anofpdm.method.calibration import Process
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.precision import Precision
from anofpdm.scans.preprocessing import SliceStack, preprocess
from anofpdm.scans.volume import Volume, read_volume

if TYPE_CHECKING:
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.method.settings import Settings

log = logging.getLogger(__name__)


def analyze(
    volumes: Mapping[str, Volume | str | os.PathLike[str]],
    bundle: ModelBundle | str | os.PathLike[str] = "flair-synth",
    *,
    brain_mask: Volume | str | os.PathLike[str] | None = None,
    preparation: Mapping[str, Any] | None = None,
    process: Process | None = None,
    steps: int | None = None,
    t_max: int | None = None,
    clip: bool | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    batch_size: int | None = None,
    store: str | os.PathLike[str] | None = None,
    dtype: StepDtype = "float16",
    overwrite: bool = False,
    memory_limit: int | None = None,
    temporary_folder: str | os.PathLike[str] | None = None,
    slices: Sequence[int] | None = None,
    first_slice: int | None = None,
    on_start: Callable[[Analysis], None] | None = None,
    on_slices: Callable[[list[int]], None] | None = None,
    on_progress: Callable[[SliceProgress], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> Analysis:
    """Run a model's forward process over a scan, for use by `interpret`.

    Parameters
    ----------
    volumes : mapping of str to Volume or path
        One scan per modality of the model, on one grid.
    bundle : ModelBundle, str or path
        The model, or the name or path of its bundle.
    brain_mask : Volume or path, optional
        Voxels of 0.5 and more are brain.
    preparation : mapping, optional
        What was done to the scans before, as JSON values, for the record.
    process, steps, t_max, clip : optional
        The forward process (Eq. 2, 4): `steps` timesteps evenly over 1..`t_max`, predictions
        clipped to [-1, 1] or not. What is not given is as the model was calibrated; without a
        calibration it is "ddim", 30, 600, clipped.
    seed : int
        Seed of the noise, >= 0.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "tf32", "float16", "bfloat16"}
        What the network computes in; see `ModelBundle.precision_on`.
    batch_size : int, optional
        Slices a network call; from the free memory by default. Results depend on it
        by rounding alone.
    store : path, optional
        Where to keep the analysis, NAME.anofpdm.zarr. By default it stays in memory, or, when it
        would take more than `memory_limit`, in a temporary folder that goes with it.
    dtype : {"float16", "float32"}
        What the predictions are kept as.
    overwrite : bool
        Replace an analysis at `store`.
    memory_limit : int, optional
        Bytes; half of the free memory by default, and never more than that.
    temporary_folder : path, optional
        Where the temporary folder is made; where the system has them by default.
    slices : sequence of int, optional
        Canonical axial indices of the slices to analyse; all that hold brain by default.
    first_slice : int, optional
        Canonical axial index: this slice, or the nearest with brain, is computed first and by
        itself, the others follow outward. Results depend on it by rounding alone.
    on_start : callable, optional
        Told once, before the network runs, of the analysis in the making: its finished slices can
        be interpreted at once, also by another thread.
    on_slices : callable, optional
        Told of the positions whose slices have just been finished.
    on_progress : callable, optional
        Told after every network call.
    should_cancel : callable, optional
        Asked after every network call; True raises `Cancelled`.

    Returns
    -------
    Analysis
        Complete; a stored one is opened from `store`.

    Raises
    ------
    AnofpdmError
        A subclass a cause: volumes, grids, modalities, settings, bundle, device or target.
    Cancelled
        On request; nothing is left at `store`. `anofpdm.analysis.steps.finished_part` keeps the
        slices that were finished in memory.
    """
    _check_batch_size(batch_size)
    model = bundle if isinstance(bundle, ModelBundle) else load_bundle(bundle)
    read = {name: _volume(v, name) for name, v in volumes.items()}
    mask = None if brain_mask is None else _volume(brain_mask, "brain_mask")
    known = model.metadata
    stack = _only(preprocess(read, known.modalities, known.preprocessing, mask), slices)
    return analyze_stack(
        stack,
        model,
        sources=[*read.values(), *([mask] if mask is not None else [])],
        preparation=preparation,
        process=process,
        steps=steps,
        t_max=t_max,
        clip=clip,
        seed=seed,
        device=device,
        precision=precision,
        batch_size=batch_size,
        store=store,
        dtype=dtype,
        overwrite=overwrite,
        memory_limit=memory_limit,
        temporary_folder=temporary_folder,
        first_slice=first_slice,
        on_start=on_start,
        on_slices=on_slices,
        on_progress=on_progress,
        should_cancel=should_cancel,
    )


def analyze_stack(
    stack: SliceStack,
    model: ModelBundle,
    *,
    sources: Sequence[Volume] = (),
    preparation: Mapping[str, Any] | None = None,
    process: Process | None = None,
    steps: int | None = None,
    t_max: int | None = None,
    clip: bool | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    batch_size: int | None = None,
    store: str | os.PathLike[str] | None = None,
    dtype: StepDtype = "float16",
    overwrite: bool = False,
    memory_limit: int | None = None,
    temporary_folder: str | os.PathLike[str] | None = None,
    first_slice: int | None = None,
    on_start: Callable[[Analysis], None] | None = None,
    on_slices: Callable[[list[int]], None] | None = None,
    on_progress: Callable[[SliceProgress], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> Analysis:
    """Run a model's forward process over slices that are preprocessed already.

    Parameters
    ----------
    stack : SliceStack
        Slices as the model reads them.
    model : ModelBundle
    sources : sequence of Volume
        Where the slices come from, for the record.
    preparation : mapping, optional
        What was done to the scans before, as JSON values, for the record.

    The other parameters, the result and the errors are those of `analyze`.
    """
    _check_batch_size(batch_size)
    run = Run.of(model, stack, process, steps, t_max, clip, seed, device, precision, dtype)
    for warning in stack.warnings:
        log.warning(warning)
    metadata, inputs = run.metadata(sources, dict(preparation or {})), run.inputs()
    target, temporary = choose_place(
        store, inputs, len(run.timesteps), dtype, memory_limit, temporary_folder
    )
    listeners = Listeners(on_slices, on_progress, should_cancel)
    try:
        with AnalysisWriter(target, metadata, inputs, dtype=dtype, overwrite=overwrite) as writer:
            if on_start is not None:
                on_start(growing(writer))
            seconds = run.fill(
                run.buffered,
                lambda positions, found: writer.write(positions, *found),
                batch_size,
                first_slice,
                listeners,
            )
            writer.metadata = metadata.model_copy(update={"seconds": seconds})
            analysis = finished(writer)
    except BaseException:
        if temporary is not None:
            temporary.close()
        raise
    if temporary is not None:
        weakref.finalize(analysis, temporary.close)
    return analysis


def segment_live(
    volumes: Mapping[str, Volume | str | os.PathLike[str]],
    bundle: ModelBundle | str | os.PathLike[str],
    settings: Settings,
    *,
    brain_mask: Volume | str | os.PathLike[str] | None = None,
    preparation: Mapping[str, Any] | None = None,
    process: Process | None = None,
    steps: int | None = None,
    t_max: int | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "auto",
    batch_size: int | None = None,
    on_progress: Callable[[SliceProgress], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> tuple[Analysis, Interpretation]:
    """Analyse a scan and interpret it at once; no step is kept.

    On a CPU memory does not grow with the number of steps, elsewhere only by those of two batches.
    Parameters and errors are those of `analyze`, and:

    Parameters
    ----------
    settings : Settings
        How the steps are interpreted.

    Returns
    -------
    Analysis
        Without steps: it cannot be interpreted again.
    Interpretation
        Bit by bit what `interpret` makes of the analysis that `analyze` keeps.
    """
    from anofpdm.analysis.streaming import LiveInterpreter

    _check_batch_size(batch_size)
    model = bundle if isinstance(bundle, ModelBundle) else load_bundle(bundle)
    known = model.metadata
    read = {name: _volume(v, name) for name, v in volumes.items()}
    mask = None if brain_mask is None else _volume(brain_mask, "brain_mask")
    stack = preprocess(read, known.modalities, known.preprocessing, mask)
    for warning in stack.warnings:
        log.warning(warning)
    run = Run.of(model, stack, process, steps, t_max, None, seed, device, precision, "float16")
    sources = [*read.values(), *([mask] if mask is not None else [])]
    metadata = run.metadata(sources, dict(preparation or {}))
    live = LiveInterpreter(metadata, run.inputs(), settings, run.dtype)

    listeners = Listeners(None, on_progress, should_cancel)
    if run.device == "cpu":
        seconds = run.fill(live.interpret_steps, live.keep, batch_size, None, listeners)
    else:
        seconds = run.fill(run.buffered, live.interpret_kept, batch_size, None, listeners)
    return live.finish(metadata.model_copy(update={"seconds": seconds}))


def _check_batch_size(batch_size: int | None) -> None:
    """Refuse it before anything is read or computed."""
    if batch_size is not None and batch_size < 1:
        raise SettingsError(f"The batch size must be 1 or more; got {batch_size}.")


def _volume(source: Volume | str | os.PathLike[str], modality: str) -> Volume:
    if isinstance(source, Volume):
        return replace(source, modality=modality)
    return read_volume(Path(source), modality)


def _only(stack: SliceStack, slices: Sequence[int] | None) -> SliceStack:
    """Of a stack, the slices with the given canonical indices."""
    if slices is None:
        return stack
    positions = {int(identity): p for p, identity in enumerate(stack.slice_ids)}
    absent = [each for each in slices if each not in positions]
    if absent or not slices:
        what = f"Slice {absent[0]} contains too little brain" if absent else "No slice was chosen"
        raise SettingsError(
            f"{what} to be analysed; choose among the slices {min(positions)} to {max(positions)} "
            "(slice 0 is nearest the feet)."
        )
    kept = sorted({positions[each] for each in slices})
    return replace(
        stack,
        slices=stack.slices[kept],
        foreground=stack.foreground[kept],
        slice_ids=stack.slice_ids[kept],
    )
