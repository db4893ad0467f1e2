"""The Prepare panel, connected to its viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from napari_anofpdm.app.context import context_of
from napari_anofpdm.host.weak_listener import listen
from napari_anofpdm.panels.prepare.panel import PreparePanel

if TYPE_CHECKING:
    import napari.viewer

    from napari_anofpdm.alignment.check import Mode


class PrepareDock(PreparePanel):
    """The Prepare panel of a viewer; the check of the alignment is shown on the canvas."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        context = context_of(viewer)
        super().__init__(viewer, context.preparer)
        self._shown = context.alignment
        box = self.alignment
        box.show_mode(self._shown.mode)
        box.asked.connect(self._check)
        box.share_moved.connect(self._shown.set_share)
        box.tile_moved.connect(self._shown.set_tile)
        listen(self, [(self._shown.changed, box.show_mode)])

    def _check(self) -> None:
        from anofpdm.common.errors import AnofpdmError

        box = self.alignment
        first, second = box.first_box.layer, box.second_box.layer
        if first is None or second is None or first == second:
            self._shown.end()
            return
        share, tile = box.share.value() / 100, float(box.tile.value())
        try:
            self._shown.show(cast("Mode", box.mode), first, second, share, tile)
        except AnofpdmError as error:
            box.note.setText(str(error))
            box.show_mode("off")
