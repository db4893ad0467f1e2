"""The entries of napari's menus that show a panel; each brings its panel to the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_anofpdm.app.workspace import panel_named, show_panel

if TYPE_CHECKING:
    import napari.viewer


def show_prepare(viewer: napari.viewer.Viewer) -> None:
    """Show the Prepare panel."""
    show_panel(viewer, panel_named("Prepare"))


def show_analyse(viewer: napari.viewer.Viewer) -> None:
    """Show the Analyse panel."""
    show_panel(viewer, panel_named("Analyse"))


def show_explore(viewer: napari.viewer.Viewer) -> None:
    """Show the Explore panel."""
    show_panel(viewer, panel_named("Explore"))


def show_curves(viewer: napari.viewer.Viewer) -> None:
    """Show the Curves panel."""
    show_panel(viewer, panel_named("Curves"))


def show_export(viewer: napari.viewer.Viewer) -> None:
    """Show the Export panel."""
    show_panel(viewer, panel_named("Export"))


def show_compare(viewer: napari.viewer.Viewer) -> None:
    """Show the Compare panel."""
    show_panel(viewer, panel_named("Compare"))


def show_measure(viewer: napari.viewer.Viewer) -> None:
    """Show the Measure panel."""
    show_panel(viewer, panel_named("Measure"))


def show_label(viewer: napari.viewer.Viewer) -> None:
    """Show the Label panel."""
    show_panel(viewer, panel_named("Label"))


def show_jobs(viewer: napari.viewer.Viewer) -> None:
    """Show the Jobs panel."""
    show_panel(viewer, panel_named("Jobs"))


def show_worklist(viewer: napari.viewer.Viewer) -> None:
    """Show the Worklist panel."""
    show_panel(viewer, panel_named("Worklist"))
