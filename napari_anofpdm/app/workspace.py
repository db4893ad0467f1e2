"""Two workspaces, each opened by one command: reading scans, and training a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from napari_anofpdm.app.bars import show_bars
from napari_anofpdm.app.viewer_setup import prepare
from napari_anofpdm.host.docked_panel import dock_of

if TYPE_CHECKING:
    import napari.viewer
    from qtpy.QtWidgets import QWidget

    from napari_anofpdm.host.docked_panel import DockedPanel

_COLUMN_WIDTH = 360  # pixels, in which all panels can be read
_COLUMN_SHARE = 0.24  # of the width of a large window


@dataclass(frozen=True)
class Panel:
    """A panel and its place.

    Attributes
    ----------
    name : str
        Its display name in the manifest.
    area : {"right", "bottom"}
        The side of the canvas; panels of one side share it as tabs.
    workspace : {"read", "train"}
        Where it belongs; the command of the other workspace hides it.
    """

    name: str
    area: Literal["right", "bottom"]
    workspace: Literal["read", "train"] = "read"

    @property
    def title(self) -> str:
        """The panel's title in napari's menus and title bar."""
        return f"{self.name} (AnoFPDM)"

    @property
    def python_name(self) -> str:
        """The location of its class, in the manifest's spelling."""
        return f"napari_anofpdm.app.docks.{self.name.lower()}:{self.name}Dock"


PANELS = (
    Panel("Prepare", "right"),
    Panel("Analyse", "right"),
    Panel("Explore", "right"),
    Panel("Export", "right"),
    Panel("Compare", "right"),
    Panel("Worklist", "right"),
    Panel("Measure", "right"),
    Panel("Label", "right", "train"),
    Panel("Jobs", "right", "train"),
    Panel("Curves", "bottom"),
)


def open_reading(viewer: napari.viewer.Viewer) -> None:
    """Open what reading a scan needs: toolbars, and panels as tabs on the right, Analyse in front.

    Panels that are already open stay in their place; hidden panels are shown again. Curves opens
    on request only.
    """
    _open(viewer, "read", "Analyse")
    show_bars(viewer, curves=lambda: toggle_panel(viewer, panel_named("Curves")))


def open_training(viewer: napari.viewer.Viewer) -> None:
    """Open what training a model needs: Label and Jobs, Label in front."""
    _open(viewer, "train", "Label")


def _open(viewer: napari.viewer.Viewer, workspace: Literal["read", "train"], front: str) -> None:
    prepare(viewer)
    for panel in PANELS:
        if panel.workspace != workspace:
            hide_panel(viewer, panel)
        elif panel.area == "right":
            show_panel(viewer, panel)
    _arrange(show_panel(viewer, panel_named(front)))


def hide_panel(viewer: napari.viewer.Viewer, panel: Panel) -> None:
    """Hide a panel, if it is open; it keeps its state."""
    widget = viewer.window.dock_widgets.get(panel.title)
    dock = None if widget is None else dock_of(widget)
    if dock is not None:
        dock.hide()


def toggle_panel(viewer: napari.viewer.Viewer, panel: Panel) -> None:
    """Show a panel, or hide it if it is shown."""
    widget = viewer.window.dock_widgets.get(panel.title)
    dock = None if widget is None else dock_of(widget)
    if dock is None or dock.isHidden():
        show_panel(viewer, panel)
    else:
        dock.hide()


def _arrange(panel: QWidget) -> None:
    """Give the canvas the width that the panels can spare, and the layer list the corner.

    Beside Curves, the layer list of a low window would have only two rows.
    """
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QMainWindow, QTabWidget

    dock = dock_of(panel)
    assert dock is not None  # it has just been shown
    window = dock.parentWidget()
    assert isinstance(window, QMainWindow)
    window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    # Below each other: side by side, the names of six panels would be cut.
    window.setTabPosition(Qt.DockWidgetArea.RightDockWidgetArea, QTabWidget.TabPosition.East)
    width = max(_COLUMN_WIDTH, int(_COLUMN_SHARE * window.width()))
    window.resizeDocks([dock], [width], Qt.Orientation.Horizontal)


def panel_named(name: str) -> Panel:
    """Return a panel by its display name."""
    return next(panel for panel in PANELS if panel.name == name)


def show_panel(viewer: napari.viewer.Viewer, panel: Panel) -> QWidget:
    """Open a panel, or bring it to the front."""
    widget: QWidget | None = viewer.window.dock_widgets.get(panel.title)
    if widget is None:
        module, name = panel.python_name.split(":")
        make: Callable[[object], DockedPanel] = getattr(import_module(module), name)
        widget = made = make(viewer)
        # A panel fills its dock, since it scrolls by itself.
        viewer.window.add_dock_widget(
            made, name=panel.title, area=panel.area, add_vertical_stretch=False
        )
        made.settle()
    dock = dock_of(widget)
    assert dock is not None  # napari has just docked it
    dock.show()
    dock.raise_()
    return widget
