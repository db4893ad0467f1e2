"""Colours of the plots: the viewer's theme and a palette that is safe for colour blindness."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class PlotTheme:
    """Colours of the plots, each as "#rrggbb".

    Attributes
    ----------
    background, text : str
        The window's background and its text.
    faint : str
        Axes, and slices that have not been computed.
    cursor : str
        The step or slice in view.
    handle : str
        Lines that can be dragged to change a setting.
    healthy, unhealthy : str
        Slices by the gate's verdict.
    curves : tuple of str
        One for each modality, used in turn.
    """

    background: str
    text: str
    faint: str
    cursor: str
    handle: str
    healthy: str
    unhealthy: str
    curves: tuple[str, ...]

    def curve(self, index: int) -> str:
        """Return the colour of the curve of modality `index`."""
        return self.curves[index % len(self.curves)]


# Okabe and Ito's colours, lighter on a dark background and darker on a light one.
ON_DARK = PlotTheme(
    background="#262930",
    text="#f0f1f2",
    faint="#5a626c",
    cursor="#c8c8c8",
    handle="#f0e442",
    healthy="#56b4e9",
    unhealthy="#ff8c3c",
    curves=("#56b4e9", "#ff8c3c", "#2bd6a4", "#e59cc4"),
)
ON_LIGHT = PlotTheme(
    background="#ffffff",
    text="#202020",
    faint="#b0b0b0",
    cursor="#505050",
    handle="#9a2a8c",
    healthy="#0067a3",
    unhealthy="#c24d00",
    curves=("#0067a3", "#c24d00", "#007a5a", "#8a4370"),
)


def plot_theme(name: str) -> PlotTheme:
    """Return the colours for a theme of napari.

    Parameters
    ----------
    name : str
        A theme's id as in `viewer.theme`; "system" follows the desktop.
    """
    from napari.utils.theme import get_theme

    theme = get_theme(name)
    return replace(
        ON_DARK if theme.type == "dark" else ON_LIGHT,
        background=theme.background.as_hex(format="long"),
        text=theme.text.as_hex(format="long"),
        faint=theme.primary.as_hex(format="long"),
    )
