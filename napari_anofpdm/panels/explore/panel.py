"""`ExplorePanel`: every setting of the interpretation, the lesions, and a reference mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QFrame,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import qthrottled

from napari_anofpdm.host.docked_panel import DockedPanel
from napari_anofpdm.host.theme import fault_colour, is_dark
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.explore.badge import Badge
from napari_anofpdm.panels.explore.layer_controls import LayerControls
from napari_anofpdm.panels.explore.lesion_list import LesionList
from napari_anofpdm.panels.explore.mask_tools_box import MaskToolsBox
from napari_anofpdm.panels.explore.overlay_controls import OverlayControls
from napari_anofpdm.panels.explore.reference import ReferenceBox
from napari_anofpdm.panels.explore.settings_files import SettingsFileButtons
from napari_anofpdm.panels.explore.settings_form import SettingsForm
from napari_anofpdm.panels.shared.result_pages import ResultPages

if TYPE_CHECKING:
    import napari.viewer

    from anofpdm import Analysis, Interpretation, Settings
    from napari_anofpdm.layers.manager import LayerManager
    from napari_anofpdm.layers.overlay_look import OverlayLook
    from napari_anofpdm.lesions.mask_tools import MaskTools
    from napari_anofpdm.session.region_names import RegionNames
    from napari_anofpdm.session.session import Session

WHAT_FOR = "The settings here then change the map and the mask at once, without another run."
_INTERVAL_MS = 40
_MINIMUM_PX = 362
_FOLLOW_GUIDANCE = ("cosine_threshold", "max_divergence", "threshold")


class ExplorePanel(DockedPanel):
    """Edits the settings and shows their effect.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    session : Session
        The session whose settings are changed.
    layers : LayerManager
        Shows the predictions and makes the editable mask.
    look : OverlayLook
        How map and mask are drawn.
    tools : MaskTools
        Corrects the mask.
    regions : RegionNames
        Names the regions of the lesions.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        session: Session,
        layers: LayerManager,
        look: OverlayLook,
        tools: MaskTools,
        regions: RegionNames,
    ) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self._pending: dict[frozenset[str], dict[str, Any]] = {}
        self._apply_soon = qthrottled(self._apply, timeout=_INTERVAL_MS, parent=self)
        self.badge, self.form = Badge(), SettingsForm()
        self.overlays = OverlayControls(look)
        self.form.add_advanced(self.overlays)
        self.files = SettingsFileButtons(session)
        self.lesions = LesionList(viewer, session, regions)
        self.tools = MaskToolsBox(session, tools)
        self.layers = LayerControls(viewer, session, layers)
        self.reference = ReferenceBox(viewer, session)
        self._build()
        self.form.edited.connect(self._edited)
        self.badge.reset.connect(self._reset)
        listen(
            self,
            [
                (session.analysis_changed, self._show_analysis),
                (session.settings_changed, self._show_settings),
                (session.slice_interpreted, self._show_slice),
                (viewer.events.theme, self._repaint),
            ],
        )
        self._repaint()
        self._show_analysis(session.analysis)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size that leaves space for the canvas; the panel scrolls."""
        return QSize(360, 420)

    def _build(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(6, 6, 6, 6)
        parts = (
            self.lesions,
            self.form,
            self.badge,
            self.files,
            self.layers,
            self.tools,
            self.reference,
        )
        for part in parts:
            column.addWidget(part)
            if part in (self.lesions, self.files, self.layers):
                column.addWidget(_line())
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        self._pages = ResultPages(self._session, scroll, WHAT_FOR)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        self.setMinimumSize(_MINIMUM_PX, 170)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def _edited(self, changes: dict[str, Any]) -> None:
        # Only a field's last value counts; fields that change together stay together.
        self._pending.pop(frozenset(changes), None)
        self._pending[frozenset(changes)] = changes
        self._apply_soon()

    def _apply(self) -> None:
        """Pass the user's changes to the session; invalid fields get a red frame."""
        pending, self._pending = self._pending, {}
        if self._session.settings is None:
            return
        faults = [fault for changes in pending.values() if (fault := self._fault_of(changes))]
        names = frozenset[str]().union(*(names for names, _ in faults))
        self.form.set_fault(names, faults[0][1] if faults else "")

    def _fault_of(self, changes: dict[str, Any]) -> tuple[frozenset[str], str] | None:
        """Try a change; return the fields and the reason if it is invalid."""
        from anofpdm.common.errors import SettingsError

        session = self._session
        assert session.analysis is not None and session.settings is not None
        try:
            followed: dict[str, Any] = {}
            if "guidance" in changes:
                calibration = session.analysis.calibration
                moved = session.settings.with_guidance(changes["guidance"], calibration)
                followed = {name: getattr(moved, name) for name in _FOLLOW_GUIDANCE}
            session.update_settings(**(followed | changes))
        except SettingsError as error:
            return frozenset(changes), str(error)
        return None

    def _reset(self) -> None:
        self._pending = {}
        own = self._session.calibrated
        if own is not None:
            self._session.set_settings(own)
            self.form.set_settings(own)

    def _show_analysis(self, analysis: Analysis | None) -> None:
        self._pending = {}
        if analysis is not None:
            self.form.set_analysis(analysis)
            self._show_settings(self._session.settings)
            if self._session.slice_result is not None:
                self._show_slice(self._session.slice_result)

    def _show_settings(self, settings: Settings | None) -> None:
        analysis, own = self._session.analysis, self._session.calibrated
        if analysis is not None and settings is not None and own is not None:
            self.form.set_settings(settings)
            self.badge.show_settings(analysis, settings, own)

    def _show_slice(self, result: Interpretation) -> None:
        self.form.set_slice(result)

    def _repaint(self, _: object = None) -> None:
        red = fault_colour(is_dark(self._viewer.theme))
        self.form.set_fault_colour(red)
        self.reference.set_fault_colour(red)
        self.lesions.set_theme(self._viewer.theme)


def _line() -> QFrame:
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    return line
