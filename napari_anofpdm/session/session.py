"""`Session`: the shared state of a viewer's panels, with signals for changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_anofpdm.session.kept_analyses import KeptAnalyses, KeptAnalysis
from napari_anofpdm.session.lesion_reviews import LesionReviews
from napari_anofpdm.session.measurements import Measurements

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from anofpdm import Analysis, Interpretation, Settings
    from anofpdm.results.lesions import Lesions
    from anofpdm.results.native import NativeResult
    from anofpdm.results.review.verdicts import Review, Verdict
    from napari_anofpdm.session.scan import Scan


class Session:
    """The analysis of the scan in view, its settings and results, the slice and step in view.

    Panels read its attributes, call its methods and listen to its signals; they never call each
    other. Everything happens on the GUI thread. An interpreter also listens, and delivers results
    through the ``accept_`` methods. The session depends on no viewer and reads no file.

    Analyses of several scans live side by side. The analysis of the scan in view is in view, too;
    the others are kept with their settings until their scan comes back (`show_scan`). So nothing
    that is shown ever belongs to another scan.

    Attributes
    ----------
    analysis_changed : Signal(Analysis or None)
        A new analysis, which may still grow, or None.
    slices_done : Signal(list of int)
        Positions whose steps have just been computed.
    settings_changed : Signal(Settings)
    position_changed : Signal(int)
        Position of the slice in view among the analysed slices, 0..S-1; -1 if it is not analysed.
    step_changed : Signal(int)
        Index on the grid of timesteps, 0..K-1.
    modality_changed : Signal(str or None)
        The scored modality whose step maps are shown; None shows their mean.
    shown_anyway_changed : Signal(frozenset of int)
    review_changed : Signal(ReviewedLesions or None)
        Verdicts or notes on the lesions in the table have changed; not emitted for new lesions.
    selected_changed : Signal(int or None)
        Another lesion of the table is selected.
    own_colours_changed : Signal(bool)
    slice_interpreted : Signal(Interpretation)
        Only the slice in view, under the current settings.
    volume_interpreted : Signal(Interpretation)
        All computed slices, some time after the settings stop changing.
    native_changed : Signal(NativeResult)
        The result on the scan's own voxels, without the rejected lesions.
    edited_changed : Signal(NativeResult or None)
        The user painted on a committed mask, or another mask counts now.
    result_wanted : Signal()
        Emitted to request the volume's result now, without waiting for the settings to stop
        changing.
    scan_changed : Signal(Scan or None)
        Another scan is in view, the one in view has another name or other voxels, or other scans
        are kept.
    scan_wanted : Signal(Scan)
        Emitted to bring an analysed scan back into view.
    scan_joined : Signal(Scan)
        Emitted when the user states that the scan in view shows the same head as this analysed
        scan.
    bundle_chosen : Signal(str)
        A model for the next run, by name or path; any panel may emit it.
    closed : Signal()
        The viewer is gone.
    scan : Scan or None
        The scan in view; None without one.
    analysis, settings, calibrated
        The analysis of that scan, the current settings, and those of the bundle; None without an
        analysis.
    done : set of int
        Positions whose steps are computed.
    position, step : int
        See the signals.
    step_chosen : bool
        Whether the user has moved the step; until then it is t_e of the slice in view.
    modality : str or None
        See `modality_changed`.
    shown_anyway : frozenset of int
        Positions that the gate classifies as healthy and the user wants to see anyway.
    slice_result, volume_result : Interpretation or None
        The latest results; `volume_result` may belong to previous settings, see `is_current`.
    slice_mask : ndarray of bool, shape (H, W), or None
        The mask of the slice in view; without the gate if it is in `shown_anyway`.
    native, native_found : NativeResult or None
        On the scan's own voxels, without and with the rejected lesions.
    edited : NativeResult or None
        The committed mask that the user works on, until the settings change.
    reviews : LesionReviews
        The verdicts and notes of the user, and the lesion that is selected.
    measurements : Measurements
        The rulers and regions on the scan in view.
    own_colours : bool
        Whether each lesion is outlined in a colour of its own.
    is_announcing : bool
        Whether `analysis_changed` is being emitted. Some listeners still show the previous
        analysis then, so no slice of the new one may be interpreted yet.
    """

    analysis_changed = Signal(object)
    slices_done = Signal(object)
    settings_changed = Signal(object)
    position_changed = Signal(int)
    step_changed = Signal(int)
    modality_changed = Signal(object)
    shown_anyway_changed = Signal(object)
    review_changed = Signal(object)
    selected_changed = Signal(object)
    own_colours_changed = Signal(bool)
    slice_interpreted = Signal(object)
    volume_interpreted = Signal(object)
    native_changed = Signal(object)
    edited_changed = Signal(object)
    result_wanted = Signal()
    scan_changed = Signal(object)
    scan_wanted = Signal(object)
    scan_joined = Signal(object)
    bundle_chosen = Signal(str)
    closed = Signal()

    def __init__(self) -> None:
        self.is_closed = self.is_announcing = self.own_colours = False
        self.scan: Scan | None = None
        self._kept = KeptAnalyses()
        self.measurements = Measurements()
        self._clear()

    def _clear(self) -> None:
        self.analysis: Analysis | None = None
        self.settings: Settings | None = None
        self.calibrated: Settings | None = None
        self.done: set[int] = set()
        self.position = -1
        self.step = 0
        self.modality: str | None = None
        self.shown_anyway: frozenset[int] = frozenset()
        self.slice_result: Interpretation | None = None
        self.slice_mask: NDArray[np.bool_] | None = None
        self.step_chosen = False
        self.volume_result: Interpretation | None = None
        self.native: NativeResult | None = None
        self.native_found: NativeResult | None = None
        self.edited: NativeResult | None = None
        self.reviews = LesionReviews()

    @property
    def lesions(self) -> Lesions | None:
        """Lesions of `native_found`, numbered and measured."""
        return None if self.native_found is None else self.native_found.lesions

    @property
    def rejected(self) -> frozenset[int]:
        """Numbers in `lesions` of those that the user rejected."""
        return self.reviews.rejected

    @property
    def measured(self) -> NativeResult | None:
        """The mask that the panels measure: the edited one if there is one, else `native`."""
        return self.native if self.edited is None else self.edited

    @property
    def is_current(self) -> bool:
        """Whether `native` holds all computed slices under the current settings."""
        result = self.volume_result
        return (
            self.native is not None
            and result is not None
            and result.settings == self.settings
            and len(result.slice_ids) == len(self.done)
        )

    @property
    def kept_scans(self) -> list[Scan]:
        """The analysed scans that are out of view, the latest last."""
        return self._kept.scans

    def kept_analysis(self, scan: Scan) -> Analysis | None:
        """Return the analysis of a scan that is out of view, if there is one."""
        return self._kept.of(scan)

    def show_scan(self, scan: Scan | None) -> None:
        """Bring another scan into view, and its analysis with it, where it has one.

        Parameters
        ----------
        scan : Scan or None
            None where no scan is in view.
        """
        if scan is self.scan:
            return
        had_one = self.analysis is not None
        if self.analysis is not None:
            self._kept.put(self.scan, self._put_away(self.analysis))
        self._clear()
        self.scan = scan
        self.measurements.show_scan(scan)
        kept = self._kept.take(scan)
        if kept is not None:
            self._take_up(kept)
        if had_one or kept is not None:
            self._announce()
        self.scan_changed.emit(scan)

    def set_analysis(
        self, analysis: Analysis, *, done: Collection[int] | None = None, scan: Scan | None = None
    ) -> None:
        """Take up an analysis, in place of an earlier one of the same scan.

        The scan's settings stay if they fit, else they are the bundle's own.

        Parameters
        ----------
        analysis : Analysis
            May still grow; `done` then lists the slices that can be interpreted.
        done : collection of int, optional
            Positions whose steps are computed; all by default.
        scan : Scan, optional
            What was analysed, the scan in view by default; an analysis of another one is kept
            until that comes into view.
        """
        scan = self.scan if scan is None else scan
        own = analysis.default_settings()
        if scan is self.scan and self.analysis is not None:
            self._kept.remember(scan, self.analysis, self.settings)
        settings = self._kept.former_settings(scan, analysis) or own
        computed = set(range(len(analysis)) if done is None else done)
        fresh = KeptAnalysis(analysis, settings, own, computed)
        if scan is not self.scan:
            self._kept.put(scan, fresh)
        else:
            self._clear()
            self._take_up(fresh)
            self._announce()
        self.scan_changed.emit(self.scan)

    def holds(self, analysis: Analysis | None) -> bool:
        """Return whether an analysis is in view or kept."""
        if analysis is None:
            return False
        return analysis is self.analysis or self._kept.holds(analysis)

    def finish_analysis(self, growing: Analysis, analysis: Analysis) -> None:
        """Take the complete form of an analysis that has been growing; all of it is computed.

        Parameters
        ----------
        growing : Analysis
            As it was set.
        analysis : Analysis
            Of the same slices and steps; it takes the place of the other without a signal.
        """
        if self.analysis is growing:
            self.analysis = analysis
        self._kept.replace(growing, analysis)
        self.add_done(range(len(analysis)), analysis)

    def close_analysis(self, analysis: Analysis | None = None) -> None:
        """Let go of an analysis; its layers go, committed masks stay.

        Parameters
        ----------
        analysis : Analysis, optional
            The one in view by default.
        """
        if analysis is not None and analysis is not self.analysis:
            self._kept.drop(analysis)
        elif self.analysis is not None:
            self._kept.remember(self.scan, self.analysis, self.settings)
            self._clear()
            self.analysis_changed.emit(None)
        self.scan_changed.emit(self.scan)

    def _announce(self) -> None:
        self.is_announcing = True
        try:
            self.analysis_changed.emit(self.analysis)
        finally:
            self.is_announcing = False
        if self.settings is not None:
            self.settings_changed.emit(self.settings)
        if self.volume_result is not None and self.native is not None:
            self.volume_interpreted.emit(self.volume_result)
            self.native_changed.emit(self.native)

    def _put_away(self, analysis: Analysis) -> KeptAnalysis:
        return KeptAnalysis(
            analysis,
            self.settings,
            self.calibrated,
            self.done,
            step=self.step,
            step_chosen=self.step_chosen,
            modality=self.modality,
            shown_anyway=self.shown_anyway,
            reviews=self.reviews,
            volume_result=self.volume_result,
            native=self.native,
            native_found=self.native_found,
            edited=self.edited,
        )

    def _take_up(self, kept: KeptAnalysis) -> None:
        self.analysis = kept.analysis
        self.settings, self.calibrated = kept.settings, kept.calibrated
        self.done, self.modality = kept.done, kept.modality
        self.step, self.step_chosen = kept.step, kept.step_chosen
        self.shown_anyway, self.reviews = kept.shown_anyway, kept.reviews
        self.volume_result = kept.volume_result
        self.native, self.native_found = kept.native, kept.native_found
        self.edited = kept.edited

    def add_done(self, positions: Iterable[int], analysis: Analysis | None = None) -> None:
        """Take note of slices whose steps are now computed.

        Parameters
        ----------
        positions : iterable of int
        analysis : Analysis, optional
            Whose they are, the one in view by default.
        """
        if analysis is not None and analysis is not self.analysis:
            self._kept.add_done(positions, analysis)
            return
        fresh = sorted(set(positions) - self.done)
        if fresh:
            self.done.update(fresh)
            self.slices_done.emit(fresh)

    def set_settings(self, settings: Settings) -> None:
        """Change the settings of the interpretation.

        Raises
        ------
        SettingsError
            If they do not fit the analysis; nothing is changed then.
        """
        self._check(settings)
        if settings != self.settings:
            self.settings = settings
            self.set_edited(None)
            self.settings_changed.emit(settings)

    def update_settings(self, **changes: Any) -> None:
        """Change some fields of the settings.

        Raises
        ------
        SettingsError
            If a value is out of its range or conflicts with the others, or without an analysis.
        """
        from anofpdm import Settings
        from anofpdm.common.errors import SettingsError
        from anofpdm.common.validation import validated

        if self.settings is None:
            raise SettingsError("There are no settings to change yet; run an analysis or open one.")
        values = {name: getattr(self.settings, name) for name in Settings.model_fields}
        self.set_settings(validated(Settings, **(values | changes)))

    def _check(self, settings: Settings) -> None:
        from anofpdm.common.errors import SettingsError

        if self.analysis is None:
            raise SettingsError("There are no settings to change yet; run an analysis or open one.")
        settings.check_fit(self.analysis.timesteps, len(self.analysis.scored))
        settings.check_reference(self.analysis.scored)
        refinement = settings.refinement
        if refinement and refinement.reference(self.analysis.scored) not in self.analysis.native:
            raise SettingsError(
                "The analysis does not contain the scan, so the mask cannot be refined on it."
            )

    def set_position(self, position: int) -> None:
        """Go to a slice by its position among the analysed slices; -1 for none of them."""
        if position != self.position:
            if not -1 <= position < (0 if self.analysis is None else len(self.analysis)):
                raise IndexError(f"there is no slice position {position}")
            self.position = position
            self.slice_result = self.slice_mask = None
            self.position_changed.emit(position)

    def set_step(self, step: int) -> None:
        """Go to a step by its index on the grid of timesteps."""
        self.step_chosen = True
        self._go_to_step(step)

    def _go_to_step(self, step: int) -> None:
        if step != self.step:
            if not 0 <= step < (0 if self.analysis is None else len(self.analysis.timesteps)):
                raise IndexError(f"there is no step {step}")
            self.step = step
            self.step_changed.emit(step)

    def set_modality(self, modality: str | None) -> None:
        """Show the step maps of one scored modality, or their mean with None."""
        if modality != self.modality:
            if modality is not None and (
                self.analysis is None or modality not in self.analysis.scored
            ):
                raise ValueError(f"{modality} is not scored")
            self.modality = modality
            self.modality_changed.emit(modality)

    def show_anyway(self, position: int, shown: bool = True) -> None:
        """Show or hide the mask of a slice that the gate classifies as healthy."""
        changed = self.shown_anyway | {position} if shown else self.shown_anyway - {position}
        if changed != self.shown_anyway:
            self.shown_anyway = changed
            self.shown_anyway_changed.emit(changed)

    def set_verdict(self, number: int, verdict: Verdict) -> None:
        """Give a verdict on a lesion of the table; a rejected one leaves the mask.

        Raises
        ------
        SettingsError
            If a lesion of an edited mask is to be rejected: that mask belongs to the user, who
            erases in it.
        """
        from anofpdm.common.errors import SettingsError

        shown = self.reviews.shown
        if self.edited is not None and verdict == "rejected":
            raise SettingsError("To reject a lesion of the edited mask, remove it from the layer.")
        if shown is not None:
            self.set_review(shown.review.with_verdict(number, verdict))

    def set_note(self, number: int, note: str) -> None:
        """Write a note on a lesion of the table."""
        shown = self.reviews.shown
        if shown is not None:
            self.set_review(shown.review.with_note(number, note))

    def set_review(self, review: Review) -> None:
        """Set all verdicts and notes on the lesions of the table."""
        shown, before = self.reviews.shown, self.rejected
        if shown is None or shown.review == review:
            return
        self.reviews.change(review)
        if self.rejected != before:
            self._leave_out_rejected()
        self.review_changed.emit(self.reviews.shown)
        if self.rejected != before:
            self.native_changed.emit(self.native)

    def select_lesion(self, number: int | None) -> None:
        """Select a lesion of the table, or none."""
        if number != self.reviews.selected:
            self.reviews.selected = number
            self.selected_changed.emit(number)

    def set_own_colours(self, shown: bool) -> None:
        """Outline each lesion in a colour of its own, or not."""
        if shown != self.own_colours:
            self.own_colours = shown
            self.own_colours_changed.emit(shown)

    def set_edited(self, edited: NativeResult | None) -> None:
        """Let a mask that the user edits count in place of the one that was found, or end that."""
        if edited is not self.edited:
            selected = self.reviews.selected
            self.edited = edited
            self.reviews.take_edited(None if edited is None else edited.lesions)
            self.edited_changed.emit(edited)
            if self.reviews.selected != selected:
                self.selected_changed.emit(self.reviews.selected)

    def accept_slice(self, result: Interpretation, mask: NDArray[np.bool_]) -> None:
        """Receive the interpretation of the slice in view, and its mask to show."""
        self.slice_result, self.slice_mask = result, mask
        if not self.step_chosen and self.analysis is not None:
            self._go_to_step(self.analysis.timesteps.index(int(result.end_step[0].max())))
        self.slice_interpreted.emit(result)

    def accept_volume(self, result: Interpretation, native: NativeResult) -> None:
        """Receive the interpretation of all computed slices, on both grids."""
        reviews, selected = self.reviews, self.reviews.selected
        self.volume_result, self.native_found = result, native
        reviews.take_found(native.lesions)
        self._leave_out_rejected()
        self.volume_interpreted.emit(result)
        self.native_changed.emit(self.native)
        if reviews.selected != selected:
            self.selected_changed.emit(reviews.selected)

    def _leave_out_rejected(self) -> None:
        self.native = self.native_found
        if self.rejected and self.native_found is not None:
            self.native = self.native_found.without(self.rejected)

    def close(self) -> None:
        """Close with the viewer: nothing is interpreted or shown afterwards."""
        if not self.is_closed:
            self.is_closed = True
            self.closed.emit()
