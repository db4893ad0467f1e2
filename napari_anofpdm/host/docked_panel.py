"""`DockedPanel`: a panel that stops listening when napari closes its dock."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from napari_anofpdm.host.weak_listener import stop_listening


class DockedPanel(QWidget):
    """Base class of the panels.

    napari's close button removes the panel from its dock but does not destroy it. The hidden
    panel must stop listening to keys, layers and results; otherwise it would act beside the
    panel that is opened next.
    """

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Stop listening when the panel has lost its parent."""
        super().changeEvent(event)
        if (
            event is not None
            and event.type() == QEvent.Type.ParentChange
            and self.parentWidget() is None
        ):
            stop_listening(self)
