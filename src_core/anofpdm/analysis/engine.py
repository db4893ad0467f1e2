"""`analyze`: the expensive half. The network walks the forward process once for every slice."""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
import platform
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.destination import choose_place
from anofpdm.analysis.estimate import remember_run
from anofpdm.analysis.growing import finished, growing
from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.metadata import AnalysisMetadata, SourceFile, StepDtype
from anofpdm.analysis.progress import SliceProgress
from anofpdm.analysis.writer import AnalysisWriter
from anofpdm.common.device import resolve_device
from anofpdm.common.errors import Cancelled, DeviceError, SettingsError
from anofpdm.common.progress import Pace
from anofpdm.method.calibration import Process, chosen_grid
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.memory import default_batch_size
from anofpdm.model.precision import Precision, ResolvedPrecision, resolve_precision
from anofpdm.scans.preprocessing import SliceStack, preprocess
from anofpdm.scans.volume import Volume, read_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.method.forward_process import NoisePredictor, Step
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.method.settings import Settings

    _Predictions = tuple[NDArray[Any], NDArray[Any]]

log = logging.getLogger(__name__)

Found = TypeVar("Found")


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
        What the network computes in; see `resolve_precision`.
    batch_size : int, optional
        Slices a network call; from the free memory by default. No result depends on it.
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
        itself, the others follow outward. No result depends on it.
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
    run = _Run.of(model, stack, process, steps, t_max, clip, seed, device, precision, dtype)
    for warning in stack.warnings:
        log.warning(warning)
    metadata, inputs = run.metadata(sources, dict(preparation or {})), run.inputs()
    target, temporary = choose_place(
        store, inputs, len(run.timesteps), dtype, memory_limit, temporary_folder
    )
    listeners = _Listeners(on_slices, on_progress, should_cancel)
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
) -> tuple[Analysis, Interpretation]:
    """Analyse a scan and interpret it at once; no step is kept.

    On a CPU memory does not grow with the number of steps, elsewhere only by those of one batch.
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

    model = bundle if isinstance(bundle, ModelBundle) else load_bundle(bundle)
    known = model.metadata
    read = {name: _volume(v, name) for name, v in volumes.items()}
    mask = None if brain_mask is None else _volume(brain_mask, "brain_mask")
    stack = preprocess(read, known.modalities, known.preprocessing, mask)
    for warning in stack.warnings:
        log.warning(warning)
    run = _Run.of(model, stack, process, steps, t_max, None, seed, device, precision, "float16")
    sources = [*read.values(), *([mask] if mask is not None else [])]
    metadata = run.metadata(sources, dict(preparation or {}))
    live = LiveInterpreter(metadata, run.inputs(), settings, run.dtype)

    def collect(positions: list[int], made: Iterator[Step]) -> list[Interpretation]:
        if run.device == "cpu":
            return live.interpret_steps(positions, made)
        return live.interpret_kept(positions, *run.buffered(positions, made))

    listeners = _Listeners(None, on_progress, None)
    seconds = run.fill(collect, live.keep, batch_size, None, listeners)
    return live.finish(metadata.model_copy(update={"seconds": seconds}))


@dataclass
class _Listeners:
    """The listeners of a run, and its progress counters."""

    on_slices: Callable[[list[int]], None] | None
    on_progress: Callable[[SliceProgress], None] | None
    should_cancel: Callable[[], bool] | None
    steps: int = 0
    total: int = 0
    done: int = 0
    pace: Pace = field(default_factory=Pace)

    def count(self, steps: int, slices: int) -> None:
        """Begin with nothing done."""
        self.steps, self.total, self.done = steps, slices, 0

    def after_step(self, step: int, batch: int) -> None:
        """Report one step of a batch of slices, and check for cancellation."""
        self._progress(self.done * self.steps + step * batch)
        if self.should_cancel is not None and self.should_cancel():
            raise Cancelled("The analysis was cancelled; nothing was written.")

    def after_batch(self, positions: list[int]) -> None:
        """Tell of slices that are complete."""
        self.done += len(positions)
        if self.on_slices is not None:
            self.on_slices(list(positions))
        self._progress(self.done * self.steps)

    def _progress(self, now: int) -> None:
        if self.on_progress is not None:
            whole = self.steps * self.total
            report = SliceProgress(
                "network", now, whole, slices_done=self.done, slices_total=self.total
            )
            self.on_progress(self.pace(report))


@dataclass
class _Run:
    """One forward process over a stack of slices."""

    model: ModelBundle
    stack: SliceStack
    timesteps: tuple[int, ...]
    scored: list[int]
    process: Process
    clip: bool
    seed: int
    device: str
    precision: ResolvedPrecision
    dtype: StepDtype

    @classmethod
    def of(
        cls,
        model: ModelBundle,
        stack: SliceStack,
        process: Process | None,
        steps: int | None,
        t_max: int | None,
        clip: bool | None,
        seed: int,
        device: str,
        precision: Precision,
        dtype: StepDtype,
    ) -> Self:
        """Fill in what was not given; see `analyze`."""
        calibration = model.metadata.calibration
        grid = chosen_grid(calibration, process, steps, t_max)
        if clip is None:
            clip = calibration is None or calibration.clip
        timesteps = model.timesteps(grid.steps, grid.t_max)
        where = resolve_device(device)
        scored = [model.metadata.modalities.index(m) for m in model.metadata.scored]
        resolved = resolve_precision(precision, where)
        return cls(
            model, stack, timesteps, scored, grid.process, clip, seed, where, resolved, dtype
        )

    def inputs(self) -> AnalysisInputs:
        """Gather the inputs of the analysis."""
        names = self.model.metadata.modalities
        native = {name: v.data for name, v in zip(names, self.stack.volumes, strict=True)}
        return AnalysisInputs.of(self.stack, native, self.scored)

    def metadata(self, sources: Sequence[Volume], preparation: dict[str, Any]) -> AnalysisMetadata:
        return AnalysisMetadata(
            bundle=self.model.metadata,
            bundle_hash=self.model.hash,
            timesteps=self.timesteps,
            process=self.process,
            clip=self.clip,
            seed=self.seed,
            precision=self.precision,
            device=device_name(self.device),
            versions=versions(),
            created=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            sources=tuple(_source(volume) for volume in sources),
            warnings=self.stack.warnings,
            preparation=preparation,
        )

    def fill(
        self,
        collect: Callable[[list[int], Iterator[Step]], Found],
        keep: Callable[[list[int], Found], None],
        batch_size: int | None,
        first_slice: int | None,
        listeners: _Listeners,
    ) -> float:
        """Compute all slices, batch by batch, halving the batch when memory runs out.

        `collect` takes the positions of a batch and its steps; where memory runs out, it is called
        again for a part of them. `keep` takes what it returned.
        """
        import torch

        if batch_size is not None and batch_size < 1:
            raise SettingsError(f"The batch size must be 1 or more; got {batch_size}.")
        started = time.perf_counter()
        try:
            predictor = self.model.predictor(self.device, self.precision)
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise self._out_of_memory("the model") from error
        count, steps = len(self.stack.slices), len(self.timesteps)
        size = batch_size or default_batch_size(
            self.model.metadata.network, steps, self.device, count
        )
        full_size = min(size, count)
        waiting = self._order(first_slice)
        listeners.count(steps, count)
        while waiting:
            # The slice that someone looks at does not wait for a whole batch.
            alone = first_slice is not None and len(waiting) == count
            positions = waiting[: 1 if alone else size]
            try:
                steps_of_batch = self._steps(predictor, positions, listeners.after_step)
                found = collect(positions, steps_of_batch)
            except (torch.OutOfMemoryError, MemoryError) as error:
                if len(positions) == 1:
                    raise self._out_of_memory("a single slice") from error
                size = max(1, size // 2)
                torch.cuda.empty_cache()
                log.warning("Out of memory; continuing with %d slices per batch.", size)
                continue
            keep(positions, found)
            del waiting[: len(positions)]
            listeners.after_batch(positions)
        seconds = time.perf_counter() - started
        remember_run(self.model, self.device, self.precision, full_size, seconds / (count * steps))
        return seconds

    def _order(self, first_slice: int | None) -> list[int]:
        """Positions in the order of their computation: from `first_slice` outward."""
        positions = range(len(self.stack.slices))
        if first_slice is None:
            return list(positions)
        return sorted(positions, key=lambda p: abs(int(self.stack.slice_ids[p]) - first_slice))

    def _out_of_memory(self, what: str) -> DeviceError:
        return DeviceError(
            f"{device_name(self.device)} does not have enough memory for {what}; close other "
            "programs that use it, or choose the device cpu."
        )

    def buffered(self, positions: list[int], steps: Iterator[Step]) -> _Predictions:
        """x0_null and eps_gap of a batch of slices, each (N, K, C scored, H, W), of `dtype`."""
        from anofpdm.analysis.step_buffers import StepBuffers

        plane = self.stack.slices.shape[2:]
        shape = (len(positions), len(self.timesteps), len(self.scored), *plane)
        kept = StepBuffers(shape, self.dtype, self.device)
        for step in steps:
            kept.put(step)
        return kept.read()

    def _steps(
        self,
        predictor: NoisePredictor,
        positions: list[int],
        after_step: Callable[[int, int], None],
    ) -> Iterator[Step]:
        """Run the forward process of a batch of slices; the steps hold the scored channels."""
        import torch

        from anofpdm.method.forward_process import forward_process

        x0 = torch.from_numpy(self.stack.slices[positions]).to(self.device)
        for full in forward_process(
            x0,
            predictor,
            self.model.schedule,
            self.timesteps,
            process=self.process,
            clip=self.clip,
            seed=self.seed,
            slice_ids=[int(i) for i in self.stack.slice_ids[positions]],
        ):
            yield full.channels(self.scored)
            after_step(full.position + 1, len(positions))


def device_name(device: str) -> str:
    """Name of a device for people: the GPU's model, or the CPU's architecture."""
    import torch

    if device.startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.machine()}, {torch.get_num_threads()} threads)"


def versions() -> dict[str, str]:
    """Versions of the program and of what decides its numbers, for the record."""
    names = {"anofpdm": "napari-anofpdm", "torch": "torch", "numpy": "numpy", "scipy": "scipy"}
    found = {name: version(package) for name, package in names.items()}
    return {**found, "python": platform.python_version()}


def _volume(source: Volume | str | os.PathLike[str], modality: str) -> Volume:
    if isinstance(source, Volume):
        return replace(source, modality=modality)
    return read_volume(Path(source), modality)


def _source(volume: Volume) -> SourceFile:
    modality = volume.modality or ""
    if volume.path is None:
        return SourceFile(modality=modality, name="")
    # A name of other bytes than UTF-8 could not be written into any report.
    name = os.fsencode(volume.name).decode("utf-8", "replace")
    if volume.source is not None:
        return SourceFile(modality=modality, name=name, sha256=volume.source.sha256)
    try:
        with volume.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        # The voxels are in memory; a file that went away since leaves its name alone.
        return SourceFile(modality=modality, name=name)
    return SourceFile(modality=modality, name=name, sha256=digest)


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
