"""`Context`: the session of a viewer, and everything that works on it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from napari_anofpdm.alignment.check import AlignmentCheck
from napari_anofpdm.cases.open_case import OpenCase
from napari_anofpdm.cases.reading_list import ReadingList
from napari_anofpdm.comparing.comparison import Comparison
from napari_anofpdm.comparing.layers import ComparisonLayers
from napari_anofpdm.comparing.run import CompareRun
from napari_anofpdm.io.open_action import open_paths
from napari_anofpdm.layers.analysis_opener import AnalysisOpener
from napari_anofpdm.layers.edited_mask import EditedMask
from napari_anofpdm.layers.manager import LayerManager
from napari_anofpdm.layers.overlay_look import OverlayLook
from napari_anofpdm.layers.scan_link import ScanLink
from napari_anofpdm.lens.lens import Lens
from napari_anofpdm.lesions.marks import LesionMarks
from napari_anofpdm.lesions.mask_tools import MaskTools
from napari_anofpdm.lesions.pointer_tools import PointerTools
from napari_anofpdm.measuring.marks import MeasureMarks
from napari_anofpdm.measuring.tools import MeasureTools
from napari_anofpdm.preparation.preparer import Preparer
from napari_anofpdm.reading.hands import Hands
from napari_anofpdm.reading.layouts import Layouts
from napari_anofpdm.session.interpreter import Interpreter
from napari_anofpdm.session.labelling import Labelling
from napari_anofpdm.session.region_names import RegionNames
from napari_anofpdm.session.run_end import RunEnd
from napari_anofpdm.session.runner import AnalysisRun
from napari_anofpdm.session.session import Session

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from anofpdm.results.follow_up.comparison import FollowUp
    from napari_anofpdm.comparing.two_times import TwoTimes
    from napari_anofpdm.reading.surfaces.quarter import Quarter


class Context:
    """Builds and owns the objects that a viewer's panels share; it outlives the panels.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer; the context does not keep it alive.

    Attributes
    ----------
    session : Session
    layers : LayerManager
    look : OverlayLook
    edited : EditedMask
    marks : LesionMarks
    tools : MaskTools
    measure : MeasureTools
    measured : MeasureMarks
    pointer : PointerTools
    interpreter : Interpreter
    scans : ScanLink
    opener : AnalysisOpener
    run : AnalysisRun
    run_end : RunEnd
    regions : RegionNames
    comparison : Comparison
    compare_run : CompareRun
    compared : ComparisonLayers
    labelling : Labelling
    hands : Hands
    layouts : Layouts
    lens : Lens
    preparer : Preparer
    alignment : AlignmentCheck
    cases : ReadingList
    is_set_up : bool
        Whether the viewer has its side marks, scale bar and keys.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self.session = Session()
        # The layers of an analysis must exist before its slices are interpreted.
        self.layers = LayerManager(viewer, self.session)
        self.look = OverlayLook(viewer, self.layers.fit_limits)
        self.session.closed.connect(self.look.store)
        self.edited = EditedMask(viewer, self.session)
        self.marks = LesionMarks(viewer, self.session)
        self.tools = MaskTools(viewer, self.session, self.layers)
        self.measure = MeasureTools(viewer, self.session)
        self.measured = MeasureMarks(viewer, self.session)
        self.pointer = PointerTools(self.session, self.marks, self.tools, self.measure)
        self.interpreter = Interpreter(self.session)
        self.scans = ScanLink(viewer, self.session)
        self.run = AnalysisRun(self.session)
        self.run_end = RunEnd(self.session, self.run)
        self.regions = RegionNames(self.session)
        self.comparison = Comparison()
        self.compare_run = CompareRun(self.comparison, self.session)
        self.compared = ComparisonLayers(viewer, self.session, self.comparison)
        self.labelling = Labelling()
        self.pointer.select_change = self._select_change
        self.hands = Hands(viewer, viewer, self.pointer)
        self.layouts = Layouts(viewer, self.session, self.layers.steps, self.hands, self.pointer)
        self.layouts.fourth = self._quarter
        self.layouts.smooth = self.look.chosen.smooth
        self.look.changed.connect(lambda: self.layouts.set_smooth(self.look.chosen.smooth))
        self.lens = Lens(viewer, self.layers, self.layouts)
        self.pointer.turn_lens = self.lens.turn
        self.layouts.changed.connect(self.measured.look_for_canvases)
        self.tools.armed_changed.connect(self._on_mask_tool)
        self.measure.armed_changed.connect(self._on_measure_tool)
        self.preparer = Preparer(viewer, self.session, self.scans.scan_of)
        self.alignment = AlignmentCheck(viewer, self.session, self.layouts, self.pointer)
        self.measured.canvases = lambda: [*self.layouts.canvases, *self.alignment.canvases]
        self.alignment.changed.connect(self.measured.look_for_canvases)
        self.layouts.two_times = self._two_times
        self.comparison.changed.connect(self._on_comparison)
        self.cases = ReadingList(OpenCase(viewer, self.session, self.scans, open_paths))
        self.is_set_up = False
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.window.main_menu.destroyed.connect(self.session.close)
        self.opener = AnalysisOpener(viewer, self.session, self.scans)

    def _quarter(self) -> Quarter:
        """Make the fourth quarter of the three planes: the curves, and the surfaces."""
        from napari_anofpdm.panels.curves.panel import CurvesPanel
        from napari_anofpdm.reading.surfaces.quarter import Quarter
        from napari_anofpdm.reading.surfaces.view import SurfaceView

        viewer = self._viewer()
        assert viewer is not None
        return Quarter(CurvesPanel(viewer, self.session), SurfaceView(viewer, self.session))

    def _on_mask_tool(self, tool: object) -> None:
        if tool is not None:
            self.measure.arm(None)

    def _on_measure_tool(self, tool: object) -> None:
        if tool is not None:
            self.tools.arm(None)

    def _two_times(self) -> TwoTimes:
        """Arrange the examinations of the comparison side by side."""
        from napari_anofpdm.comparing.two_times import TwoTimes

        viewer = self._viewer()
        assert viewer is not None
        return TwoTimes(viewer, self.comparison, self.compared, self.pointer)

    def _select_change(self, position: Any) -> bool:
        """Select a lesion of the comparison by a click, while both examinations are shown."""
        return self.layouts.name == "two_times" and self.compared.select_at(position)

    def _on_comparison(self, found: FollowUp | None) -> None:
        if found is not None:
            self.layouts.show("two_times")
        elif self.layouts.name == "two_times":
            self.layouts.show("single")

    def _on_removed(self, event: Any) -> None:
        self.run.lose(event.value)


_contexts: WeakKeyDictionary[Viewer, Context] = WeakKeyDictionary()


def context_of(viewer: Viewer) -> Context:
    """Return the context of a viewer, made on first use.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer, or napari's plugin proxy of it.
    """
    real: Viewer = getattr(viewer, "__wrapped__", viewer)
    if real not in _contexts:
        _contexts[real] = Context(real)
    return _contexts[real]
