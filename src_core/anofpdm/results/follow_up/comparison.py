"""Two examinations of one patient: registered, segmented alike, and compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from anofpdm.preprocessing.chain import ChainSettings, PreparedScans, prepare_scans
from anofpdm.preprocessing.follow_up import AlignedFollowUp, align_follow_up
from anofpdm.results.follow_up.matching import LesionChanges, Margin, compare_lesions
from anofpdm.results.follow_up.section import changes_of
from anofpdm.results.native import NativeResult, to_native
from anofpdm.results.report import FORMAT_VERSION, INTENDED_USE, build_report

if TYPE_CHECKING:
    from anofpdm.analysis.progress import SliceProgress
    from anofpdm.method.calibration import TimestepGrid
    from anofpdm.method.settings import Settings
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.model.precision import Precision
    from anofpdm.scans.volume import Volume

TimePoint = Literal["baseline", "follow_up"]
TITLES: dict[TimePoint, str] = {"baseline": "Baseline", "follow_up": "Follow-up"}
_NAMED_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class Examination:
    """One time point on the voxels of the baseline.

    Attributes
    ----------
    prepared : PreparedScans
        Its scans and, where there is one, the brain mask.
    mask : ndarray of uint8, shape of the scans
        1 where a lesion is marked.
    """

    prepared: PreparedScans
    mask: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class FollowUp:
    """What two examinations show, and how they differ.

    Attributes
    ----------
    examinations : dict of str to Examination
        `baseline` and `follow_up`.
    changes : LesionChanges
    shown : str
        The modality that pictures show.
    report : dict
        As `report.json` holds it.
    """

    examinations: Mapping[TimePoint, Examination]
    changes: LesionChanges
    shown: str
    report: dict[str, Any]

    @property
    def note(self) -> str:
        """Whether the follow-up was interpolated, and what that means; may be empty."""
        return str(self.report["registration"].get("note", ""))

    def scan(self, time_point: TimePoint) -> Volume:
        """Return the scan that pictures show, as it was given to the model."""
        return self.examinations[time_point].prepared.volumes[self.shown]

    def mask(self, time_point: TimePoint) -> NDArray[np.uint8]:
        """Return the lesion mask of an examination."""
        return self.examinations[time_point].mask


@dataclass(frozen=True)
class FollowUpListener:
    """Callbacks of a comparison, called on the thread that makes it.

    Attributes
    ----------
    note, warn : callable
        Take a sentence on what was done, or what is doubtful.
    stage : callable
        Takes the name of what begins.
    progress : callable or None
        Takes the progress of the network; its stage names the examination.
    should_cancel : callable
        Whether to stop.
    """

    note: Callable[[str], None] = lambda _: None
    warn: Callable[[str], None] = lambda _: None
    stage: Callable[[str], None] = lambda _: None
    progress: Callable[[SliceProgress], None] | None = None
    should_cancel: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class NetworkRun:
    """How the network is run on both examinations; see `anofpdm.analyze`."""

    grid: TimestepGrid
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    batch_size: int | None = None


@dataclass
class _Told:
    """Passes sentences on, and keeps the warnings for the report."""

    listener: FollowUpListener
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            self.listener.warn(text)


def compare_examinations(
    scans: Mapping[TimePoint, Mapping[str, Volume]],
    model: ModelBundle,
    settings: Settings,
    run: NetworkRun,
    *,
    preparation: ChainSettings | None = None,
    brain_mask: Volume | None = None,
    margin: Margin | None = None,
    listener: FollowUpListener | None = None,
    earlier_warnings: Sequence[str] = (),
) -> FollowUp:
    """Register the later examination onto the first, segment both alike, and compare the lesions.

    Parameters
    ----------
    scans : mapping of str to mapping of str to Volume
        The scans of `baseline` and `follow_up` by modality, as the model reads them.
    model : ModelBundle
    settings : Settings
        How the steps of both are interpreted.
    run : NetworkRun
    preparation : ChainSettings, optional
        What is done to raw scans; `register` tells how the follow-up comes onto the baseline.
    brain_mask : Volume, optional
        On the voxels of the baseline, for both.
    margin : Margin, optional
        A change of volume that counts as none.
    listener : FollowUpListener, optional
    earlier_warnings : sequence of str
        Warnings for the report that the user has seen already.

    Raises
    ------
    AnofpdmError
        See `align_follow_up`, `prepare_scans` and `anofpdm.analyze`; `Cancelled` on request.
    """
    started = time.perf_counter()
    listener = listener or FollowUpListener()
    told = _Told(listener, list(earlier_warnings))
    chain = preparation or ChainSettings()
    if not model.metadata.preprocessing.brain_extracted and chain.skull == "auto":
        chain = replace(chain, skull="keep")
    listener.stage("Registering the follow-up onto the baseline")
    # Whole heads fit better than what two extractions left of them.
    aligned = align_follow_up(
        next(iter(scans["baseline"].values())),
        scans["follow_up"],
        register=chain.register,
        note=listener.note,
        warn=told.warn,
        should_cancel=listener.should_cancel,
    )
    listener.stage("Preparing the scans")

    def prepare(volumes: Mapping[str, Volume], settings: ChainSettings) -> PreparedScans:
        return prepare_scans(
            volumes,
            settings,
            brain_mask=brain_mask,
            note=listener.note,
            warn=told.warn,
            should_cancel=listener.should_cancel,
        )

    ready: dict[TimePoint, PreparedScans] = {
        "baseline": prepare(scans["baseline"], chain),
        "follow_up": prepare(aligned.volumes, replace(chain, register="off")),
    }
    _warn_of_differences(told.warn, ready, aligned)
    natives: dict[TimePoint, NativeResult] = {}
    reports: dict[str, dict[str, Any]] = {}
    for time_point, prepared in ready.items():
        listener.stage(f"{TITLES[time_point]}: starting the network")
        natives[time_point], reports[time_point] = _segment(
            time_point, prepared, model, settings, run, told
        )
    first = next(iter(ready["baseline"].volumes.values()))
    changes = compare_lesions(
        natives["baseline"].lesions,
        natives["follow_up"].lesions,
        first.affine,
        margin=margin,
        covered=aligned.covered,
    )
    outside = len(changes.baseline_outside) + len(changes.follow_up_outside)
    if outside:
        told.warn(
            f"{outside} lesion{'s lie' if outside > 1 else ' lies'} outside the part of the "
            "head that both examinations show, and could not be compared."
        )
    report: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "intended_use": INTENDED_USE,
        "seconds": round(time.perf_counter() - started, 3),
        "warnings": told.warnings,
        "modalities": list(ready["baseline"].volumes),
        "shown": model.metadata.scored[0],
        "registration": {
            "passed": aligned.passed,
            "doubtful": aligned.doubtful,
            "scans": aligned.record,
            "resampled": aligned.resampled,
            "note": aligned.note,
        },
        "changes": changes_of(changes),
        **reports,
    }
    examinations = {name: Examination(ready[name], natives[name].mask) for name in ready}
    return FollowUp(examinations, changes, model.metadata.scored[0], report)


def _segment(
    time_point: TimePoint,
    prepared: PreparedScans,
    model: ModelBundle,
    settings: Settings,
    run: NetworkRun,
    told: _Told,
) -> tuple[NativeResult, dict[str, Any]]:
    from anofpdm.analysis.engine import segment_live

    listener = told.listener

    def pass_on(progress: SliceProgress) -> None:
        if listener.progress is not None:
            listener.progress(replace(progress, stage=TITLES[time_point]))

    analysis, interpretation = segment_live(
        prepared.volumes,
        model,
        settings,
        brain_mask=prepared.brain_mask,
        preparation=prepared.record,
        process=run.grid.process,
        steps=run.grid.steps,
        t_max=run.grid.t_max,
        seed=run.seed,
        device=run.device,
        precision=run.precision,
        batch_size=run.batch_size,
        on_progress=pass_on,
        should_cancel=listener.should_cancel,
    )
    for warning in analysis.metadata.warnings:
        told.warn(warning)
    native = to_native(analysis, interpretation)
    report = build_report(
        analysis,
        interpretation,
        native,
        seconds=analysis.metadata.seconds,
        warnings=analysis.metadata.warnings,
    )
    return native, report


def _warn_of_differences(
    warn: Callable[[str], None],
    ready: Mapping[TimePoint, PreparedScans],
    aligned: AlignedFollowUp,
) -> None:
    """Say where the two examinations were not prepared in the same way."""
    from anofpdm.scans.foreground import CleanVoxels, foreground_of

    if ready["baseline"].extracted != ready["follow_up"].extracted:
        which = "baseline" if ready["baseline"].extracted else "follow-up"
        warn(
            f"The brain of the {which} alone was extracted; changes at the surface of the brain "
            "may come from that. Give both examinations with the skull, or both without."
        )
    first = next(iter(ready["baseline"].brains().values()))
    inside = foreground_of(CleanVoxels(first.data))
    missing = 1.0 - float(np.mean(aligned.covered[inside])) if inside.any() else 0.0
    if missing > _NAMED_SHARE:
        warn(
            f"The follow-up does not show {missing:.0%} of the baseline; lesions are compared only "
            "where both examinations reach."
        )
