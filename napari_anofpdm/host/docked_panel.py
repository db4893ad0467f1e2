"""`DockedPanel`: a panel that ends its work when napari closes it."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QWidget

from napari_anofpdm.host.weak_listener import stop_listening


class DockedPanel(QWidget):
    """Base of the panels.

    napari's button that closes a dock takes the panel out of it, and leaves the panel to Python.
    It may live for long then, out of sight: it must no longer hear of keys, layers and results,
    or it would act beside the panel that is opened next.
    """

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Stop listening once the panel has no place any more."""
        super().changeEvent(event)
        if (
            event is not None
            and event.type() == QEvent.Type.ParentChange
            and self.parentWidget() is None
        ):
            stop_listening(self)
