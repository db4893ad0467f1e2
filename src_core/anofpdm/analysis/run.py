"""One forward process over a stack of slices, batch by batch."""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
import platform
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Self

from anofpdm.analysis.batches.keeping import Found, Keeper, keeps_apart
from anofpdm.analysis.batches.shared_calls import taking_part
from anofpdm.analysis.estimate import remember_run
from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.metadata import AnalysisMetadata, SourceFile, StepDtype
from anofpdm.analysis.progress import SliceProgress
from anofpdm.common.device import resolve_device
from anofpdm.common.errors import Cancelled, DeviceError
from anofpdm.common.progress import Pace
from anofpdm.method.calibration import Process, chosen_grid
from anofpdm.model.bundle import ModelBundle
from anofpdm.model.memory import default_batch_size
from anofpdm.model.precision import Precision, ResolvedPrecision
from anofpdm.scans.preprocessing import SliceStack
from anofpdm.scans.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm.method.forward_process import NoisePredictor, Step

    _Predictions = tuple[NDArray[Any], NDArray[Any]]

log = logging.getLogger(__name__)


@dataclass
class Listeners:
    """The listeners of a run, and its progress counters.

    The network is done with `computed` slices, of which `done` are kept as well.
    """

    on_slices: Callable[[list[int]], None] | None
    on_progress: Callable[[SliceProgress], None] | None
    should_cancel: Callable[[], bool] | None
    steps: int = 0
    total: int = 0
    computed: int = 0
    done: int = 0
    pace: Pace = field(default_factory=Pace)

    def count(self, steps: int, slices: int) -> None:
        """Begin with nothing done."""
        self.steps, self.total, self.computed, self.done = steps, slices, 0, 0

    def after_step(self, step: int, batch: int) -> None:
        """Report one step of a batch of slices, and check for cancellation."""
        self._progress(self.computed * self.steps + step * batch)
        if self.should_cancel is not None and self.should_cancel():
            raise Cancelled("The analysis was cancelled; nothing was written.")

    def after_batch(self, positions: list[int]) -> None:
        """Tell of slices that are kept."""
        self.done += len(positions)
        if self.on_slices is not None:
            self.on_slices(list(positions))
        self._progress(self.computed * self.steps)

    def _progress(self, now: int) -> None:
        if self.on_progress is not None:
            whole = self.steps * self.total
            report = SliceProgress(
                "network", now, whole, slices_done=self.done, slices_total=self.total
            )
            self.on_progress(self.pace(report))


@dataclass
class Run:
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
        resolved = model.precision_on(precision, where)
        return cls(
            model, stack, timesteps, scored, grid.process, clip, seed, where, resolved, dtype
        )

    def inputs(self) -> AnalysisInputs:
        """Gather the inputs of the analysis."""
        names = self.model.metadata.modalities
        native = {name: v.data for name, v in zip(names, self.stack.volumes, strict=True)}
        return AnalysisInputs.of(self.stack, native, self.scored)

    def metadata(self, sources: Sequence[Volume], preparation: dict[str, Any]) -> AnalysisMetadata:
        """Describe the analysis: model, settings, sources, versions."""
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
        listeners: Listeners,
    ) -> float:
        """Compute all slices, batch by batch, halving the batch when memory runs out.

        `collect` takes the positions of a batch and its steps; where memory runs out, it is called
        again for a part of them. `keep` takes what it returned, on a GPU in a thread of its own
        while the network works on the next batch.
        """
        import torch

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
        with Keeper(keep, listeners.after_batch, apart=keeps_apart(self.device)) as keeper:

            def after_step(step: int, batch: int) -> None:
                keeper.tell()
                listeners.after_step(step, batch)

            while waiting:
                # The slice that someone looks at does not wait for a whole batch.
                alone = first_slice is not None and len(waiting) == count
                positions = waiting[: 1 if alone else size]
                try:
                    with closing(self._steps(predictor, positions, after_step)) as steps_made:
                        found = collect(positions, steps_made)
                except (torch.OutOfMemoryError, MemoryError) as error:
                    if len(positions) == 1:
                        raise self._out_of_memory("a single slice") from error
                    size = max(1, size // 2)
                    torch.cuda.empty_cache()
                    log.warning("Out of memory; continuing with %d slices per batch.", size)
                    continue
                del waiting[: len(positions)]
                listeners.computed += len(positions)
                keeper.add(positions, found)
                keeper.tell(wait=alone)
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
        from anofpdm.analysis.batches.step_buffers import StepBuffers

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
    ) -> Generator[Step]:
        """Run the forward process of a batch of slices; the steps hold the scored channels."""
        import torch

        from anofpdm.method.forward_process import forward_process

        x0 = torch.from_numpy(self.stack.slices[positions]).to(self.device)
        made = forward_process(
            x0,
            predictor,
            self.model.schedule,
            self.timesteps,
            process=self.process,
            clip=self.clip,
            seed=self.seed,
            slice_ids=[int(i) for i in self.stack.slice_ids[positions]],
        )
        with taking_part(predictor):
            for full in made:
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


def _source(volume: Volume) -> SourceFile:
    modality = volume.modality or ""
    if volume.path is None:
        return SourceFile(modality=modality, name="not from a file")
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
