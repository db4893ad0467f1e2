"""The Analyse panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.context import context_of
from napari_anofpdm.app.workspace import panel_named, show_panel
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.io.open_action import open_files
from napari_anofpdm.panels.analyse.panel import AnalysePanel

if TYPE_CHECKING:
    import napari.viewer

    from napari_anofpdm.preparation.preparer import Outcome


class AnalyseDock(AnalysePanel):
    """The Analyse panel of a viewer; when a run is done it shows the Explore panel."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        context = context_of(viewer)
        super().__init__(viewer, context.session, context.run, context.scans.run_on)
        self.scans_wanted.connect(lambda: open_files(viewer))
        listen(
            self,
            [
                (context.run_end.arrived, self._show_result),
                (context.preparer.ended, self._take_prepared),
            ],
        )

    def _take_prepared(self, outcome: Outcome) -> None:
        if outcome.made is not None:
            self.scans.take(outcome.made.replaced, outcome.made.brain_mask)

    def _show_result(self) -> None:
        show_panel(self._viewer, panel_named("Explore"))
