"""`TwoTimes`: baseline and follow-up beside each other, with linked canvases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_anofpdm.comparing.layers import is_later
from napari_anofpdm.layers.roles import ROLE
from napari_anofpdm.reading.beside import Beside
from napari_anofpdm.reading.central import Central
from napari_anofpdm.reading.plane_view import PlaneView
from napari_anofpdm.space.title import set_title

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_anofpdm.comparing.comparison import Comparison
    from napari_anofpdm.comparing.layers import ComparisonLayers
    from napari_anofpdm.reading.hands import Pointer


class TwoTimes(Beside):
    """The canvas of a viewer shows the baseline; the follow-up stands to its right.

    Measurements lie on both; each canvas gives the values of its scan.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
    comparison : Comparison
    layers : ComparisonLayers
    pointer : Pointer
        Gets the clicks on both canvases.

    Attributes
    ----------
    views : list of PlaneView
        The follow-up.
    """

    def __init__(
        self, viewer: Viewer, comparison: Comparison, layers: ComparisonLayers, pointer: Pointer
    ) -> None:
        self._layers = layers
        canvas = Central(viewer).canvas
        super().__init__(
            viewer, [PlaneView(viewer, canvas, pointer, shows=is_later, always=is_later)]
        )
        self.listen(
            (viewer.layers.events.inserted, self._on_inserted),
            (comparison.changed, self._sort_out),
        )
        self._sort_out()
        set_title(viewer, "Baseline")
        self.views[0].set_title("Follow-up")
        self.start()

    def _on_inserted(self, event: Any) -> None:
        self._hide(event.value)

    def _sort_out(self, _: object = None) -> None:
        """Show the baseline with its lesions alone."""
        viewer, baseline = self._viewer(), self._layers.baseline
        if viewer is None:
            return
        if baseline is not None:
            baseline.visible = True
            self._before.pop(baseline, None)
        for layer in viewer.layers:
            self._hide(layer)

    def _hide(self, layer: Layer) -> None:
        own = layer is self._layers.baseline or layer.metadata.get(ROLE) == "baseline_changes"
        if not own:
            self.set_visible(layer, False)
