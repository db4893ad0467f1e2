"""`analyze`: the expensive half. The network walks the forward process once for every slice."""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
import platform
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anofpdm.analysis import Analysis, AnalysisInputs, estimate_nbytes
from anofpdm.analysis_metadata import AnalysisMetadata, SourceFile, StepDtype
from anofpdm.analysis_writer import SUFFIX, AnalysisWriter, kept_as
from anofpdm.bundle import ModelBundle, Precision, load_bundle
from anofpdm.calibration import Process, chosen_grid
from anofpdm.device import default_batch_size, free_bytes, resolve_device
from anofpdm.errors import Cancelled, DeviceError, OutputError, SettingsError
from anofpdm.preprocessing import SliceStack, preprocess
from anofpdm.volume import Volume, read_volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.forward_process import NoisePredictor

log = logging.getLogger(__name__)

# An analysis larger than this share of the free memory goes to disk.
_MEMORY_SHARE = 0.5


@dataclass(frozen=True)
class Progress:
    """How far `analyze` has come.

    Attributes
    ----------
    stage : str
        "network", the only one that takes long.
    done, total : int
        Steps times slices, done and in all.
    slices_done, slices_total : int
        Slices whose steps are complete, and in all.
    """

    stage: str
    done: int
    total: int
    slices_done: int
    slices_total: int


def analyze(
    volumes: Mapping[str, Volume | str | os.PathLike[str]],
    bundle: ModelBundle | str | os.PathLike[str] = "flair-synth",
    *,
    brain_mask: Volume | str | os.PathLike[str] | None = None,
    process: Process | None = None,
    steps: int | None = None,
    t_max: int | None = None,
    clip: bool | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: Precision = "float32",
    batch_size: int | None = None,
    store: str | os.PathLike[str] | None = None,
    dtype: StepDtype = "float16",
    overwrite: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> Analysis:
    """Run a model's forward process over a scan; `interpret` reads the result at will.

    Parameters
    ----------
    volumes : mapping of str to Volume or path
        One scan a modality of the model, on one grid.
    bundle : ModelBundle, str or path
        The model, or the name or path of its bundle.
    brain_mask : Volume or path, optional
        Voxels of 0.5 and more are brain.
    process, steps, t_max, clip : optional
        The forward process: `steps` timesteps evenly over 1..`t_max` (METHOD 3), predictions
        clipped to [-1, 1] or not. What is not given is as the model was calibrated; without a
        calibration it is "ddim", 30, 600, clipped.
    seed : int
        Seed of the noise, >= 0.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"float32", "bfloat16"}
        What the network computes in.
    batch_size : int, optional
        Slices a network call; from the free memory by default. No result depends on it.
    store : path, optional
        Where to keep the analysis, NAME.anofpdm.zarr. By default it stays in memory, or, when it
        would take more than half of what is free, in a temporary folder that goes with it.
    dtype : {"float16", "float32"}
        What the predictions are kept as.
    overwrite : bool
        Replace an analysis at `store`.
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
        On request; nothing is left at `store`.
    """
    model = bundle if isinstance(bundle, ModelBundle) else load_bundle(bundle)
    if batch_size is not None and batch_size < 1:
        raise SettingsError(f"The batch size must be 1 or more; got {batch_size}.")
    calibration = model.metadata.calibration
    grid = chosen_grid(calibration, process, steps, t_max)
    if clip is None:
        clip = calibration is None or calibration.clip
    timesteps = model.timesteps(grid.steps, grid.t_max)
    where = resolve_device(device)
    read = {name: _volume(v, name) for name, v in volumes.items()}
    mask = None if brain_mask is None else _volume(brain_mask, "brain_mask")
    stack = preprocess(read, model.metadata.modalities, model.metadata.preprocessing, mask)
    for warning in stack.warnings:
        log.warning(warning)
    scored = [model.metadata.modalities.index(m) for m in model.metadata.scored]
    run = _Run(model, stack, timesteps, scored, grid.process, clip, seed, where, precision, dtype)
    metadata = run.metadata([*read.values(), *([mask] if mask is not None else [])])
    inputs = AnalysisInputs(
        x0=np.ascontiguousarray(stack.slices[:, scored]),
        foreground=stack.foreground,
        slice_ids=stack.slice_ids,
        foreground_native=stack.foreground_native,
        geometry=stack.geometry,
        native={name: volume.data for name, volume in read.items()},
    )
    target, temporary = _place(store, inputs, len(timesteps), dtype)
    try:
        with AnalysisWriter(target, metadata, inputs, dtype=dtype, overwrite=overwrite) as writer:
            seconds = run.fill(writer, batch_size, on_progress, should_cancel)
            writer.metadata = metadata.model_copy(update={"seconds": seconds})
            analysis = writer.finish()
    except BaseException:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
        raise
    if temporary is not None:
        weakref.finalize(analysis, shutil.rmtree, temporary, ignore_errors=True)
    return analysis


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
    precision: Precision
    dtype: StepDtype

    def metadata(self, sources: list[Volume]) -> AnalysisMetadata:
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
        )

    def fill(
        self,
        writer: AnalysisWriter,
        batch_size: int | None,
        on_progress: Callable[[Progress], None] | None,
        should_cancel: Callable[[], bool] | None,
    ) -> float:
        """Compute all slices, batch by batch, halving the batch when memory runs out."""
        import torch

        started = time.perf_counter()
        try:
            predictor = self.model.predictor(self.device, self.precision)
        except torch.OutOfMemoryError as error:
            raise self._out_of_memory("the model") from error
        count, steps = len(self.stack.slices), len(self.timesteps)
        size = batch_size or default_batch_size(
            self.model.metadata.network, steps, self.device, count
        )
        done = 0

        def after_step(step: int, batch: int) -> None:
            if on_progress is not None:
                now = done * steps + step * batch
                on_progress(Progress("network", now, count * steps, done, count))
            if should_cancel is not None and should_cancel():
                raise Cancelled("The analysis was cancelled; nothing was written.")

        while done < count:
            positions = list(range(done, min(done + size, count)))
            try:
                x0_null, eps_gap = self._steps_of(predictor, positions, after_step)
            except torch.OutOfMemoryError as error:
                if size == 1:
                    raise self._out_of_memory("a single slice") from error
                size = max(1, size // 2)
                torch.cuda.empty_cache()
                log.warning("Out of GPU memory; going on with %d slices at a time.", size)
                continue
            writer.write(positions, x0_null, eps_gap)
            done += len(positions)
            if on_progress is not None:
                on_progress(Progress("network", done * steps, count * steps, done, count))
        return time.perf_counter() - started

    def _out_of_memory(self, what: str) -> DeviceError:
        return DeviceError(
            f"The memory of {device_name(self.device)} does not suffice for {what}; close other "
            "programs that use it, or choose the device cpu."
        )

    def _steps_of(
        self,
        predictor: NoisePredictor,
        positions: list[int],
        after_step: Callable[[int, int], None],
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """x0_null and eps_gap of a batch of slices, each (N, K, C scored, H, W), of `dtype`."""
        import torch

        from anofpdm.forward_process import forward_process

        x0 = torch.from_numpy(self.stack.slices[positions]).to(self.device)
        shape = (len(positions), len(self.timesteps), len(self.scored), *x0.shape[2:])
        x0_null, eps_gap = np.empty(shape, self.dtype), np.empty(shape, self.dtype)
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
            step = full.channels(self.scored)
            for name, kept in (("x0_null", x0_null), ("eps_gap", eps_gap)):
                kept[:, step.position] = kept_as(
                    self.dtype, name, getattr(step, name).cpu().numpy()
                )
            after_step(step.position + 1, len(positions))
        return x0_null, eps_gap


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
    with volume.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return SourceFile(modality=modality, name=volume.path.name, sha256=digest)


def _place(
    store: str | os.PathLike[str] | None, inputs: AnalysisInputs, steps: int, dtype: StepDtype
) -> tuple[Path | None, Path | None]:
    """Where the analysis goes, and the temporary folder that is made for it, if one is."""
    slices, channels, rows, columns = inputs.x0.shape
    needed = estimate_nbytes(slices, steps, channels, rows, columns, dtype)
    size = f"{needed / 2**20:.0f} MiB"
    log.info("The analysis takes up to %s (%d slices, %d steps).", size, slices, steps)
    if store is not None:
        target = Path(store)
        _check_space(target.absolute().parent, needed, size)
        return target, None
    if needed <= _MEMORY_SHARE * free_bytes("cpu"):
        return None, None
    folder = Path(tempfile.mkdtemp(prefix="anofpdm-"))
    try:
        _check_space(folder, needed, size)
    except OutputError:
        folder.rmdir()
        raise
    log.warning(
        "The analysis takes %s, more than half of the free memory; it is kept in %s.", size, folder
    )
    return folder / f"analysis{SUFFIX}", folder


def _check_space(folder: Path, needed: int, size: str) -> None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputError(
            f"The analysis takes {size}, but {folder} has only {free / 2**20:.0f} MiB free; "
            "choose another disk, or fewer steps."
        )
