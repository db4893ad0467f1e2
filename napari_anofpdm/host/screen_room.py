"""Windows that are no larger than their screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_FRAME_PX = QSize(16, 48)
"""What the frame and the title bar take; unknown before a window is shown."""


def resize_on_screen(window: QWidget, wanted: QSize) -> None:
    """Give a window the size that it wants, or less where its screen is smaller.

    Parameters
    ----------
    window : QWidget
        Can be made smaller than `wanted`, for instance because its content scrolls.
    wanted : QSize
        Without the frame, in pixels.
    """
    window.resize(wanted.boundedTo(screen_size(window) - _FRAME_PX))


def screen_size(window: QWidget) -> QSize:
    """Return what the screen of a window, or that of its parent, has for windows, in pixels."""
    screen = (window.parentWidget() or window).screen()
    assert screen is not None  # there is a window
    return screen.availableSize()
