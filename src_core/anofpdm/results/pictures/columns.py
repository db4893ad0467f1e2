"""The columns of a figure: what is drawn on a slice, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from anofpdm.common.errors import SettingsError
from anofpdm.results.pictures.colours import MASK_COLOUR, TRUTH_COLOUR, grey_pixels, with_map
from anofpdm.results.pictures.levels import grey_window, map_top
from anofpdm.results.pictures.panel import Panel, readable
from anofpdm.results.pictures.planes import SIDES, Plane, displayed, head_box

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from anofpdm.results.pictures.content import Content

Part = Literal["scan", "healthy", "map", "mask", "reference"]
_TITLES: dict[Part, str] = {
    "scan": "scan",
    "healthy": "healthy prediction",
    "map": "anomaly map",
    "mask": "mask",
    "reference": "reference",
}
_NEEDS: dict[Part, tuple[str, str]] = {
    "healthy": ("healthy", "a stored analysis: segment with --keep-analysis, or give --analysis"),
    "map": ("anomaly_map", "the anomaly map of the results: anomaly_map.nii.gz"),
    "mask": ("mask", "a mask: mask.nii.gz"),
    "reference": ("reference", "a known lesion: give --reference FILE"),
}
_BARS_MM = (100, 50, 20, 10, 5)
_LETTER = 0.75  # a letter's width, of the font's size


@dataclass(frozen=True)
class Column:
    """One column of a figure.

    Attributes
    ----------
    ground : {"scan", "healthy"}
        The picture beneath.
    map, mask, reference : bool
        What is drawn over it.
    """

    ground: Literal["scan", "healthy"] = "scan"
    map: bool = False
    mask: bool = False
    reference: bool = False

    @classmethod
    def of(cls, text: str) -> Column:
        """Read ``scan``, ``healthy``, ``map``, ``mask``, ``reference``, or several with a ``+``.

        Raises
        ------
        SettingsError
            When a part is unknown.
        """
        parts = text.strip().split("+")
        unknown = [part for part in parts if part not in _TITLES]
        if unknown:
            raise SettingsError(
                f"'{unknown[0]}' in the column '{text}' is none of {', '.join(_TITLES)}; join "
                "several with +, as in map+mask."
            )
        return cls(
            "healthy" if "healthy" in parts else "scan",
            "map" in parts,
            "mask" in parts,
            "reference" in parts,
        )

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is drawn, from below."""
        over: tuple[Part, ...] = ("map", "mask", "reference")
        drawn = tuple(part for part in over if getattr(self, part))
        return (self.ground, *drawn) if self.ground == "healthy" or not drawn else drawn

    def title(self, content: Content) -> str:
        """Return its heading."""
        names = {**_TITLES, "map": content.map_name}
        return ", ".join(names[part] for part in self.parts)

    def check(self, content: Content) -> None:
        """Refuse a column of what the content lacks.

        Raises
        ------
        SettingsError
            Naming what is missing.
        """
        for part in self.parts:
            name, need = _NEEDS.get(part, ("scan", ""))
            if getattr(content, name) is None:
                raise SettingsError(f"The column {_TITLES[part]} needs {need}.")


@dataclass(frozen=True)
class Look:
    """What all panels of one scan share, so that they can be compared.

    Attributes
    ----------
    window : tuple of float
        Values of the scan, and of the prediction in its units, that are black and white.
    top : float
        Value of the map with the last colour.
    boxes : dict
        Rows and columns of each plane that are shown: those of the head.
    """

    window: tuple[float, float]
    top: float
    boxes: dict[Plane, tuple[slice, slice]]

    @classmethod
    def of(
        cls,
        content: Content,
        window: tuple[float, float] | None = None,
        map_max: float | None = None,
    ) -> Look:
        """Take window and range of the map from the content, where they are not given."""
        top = map_max
        if top is None:
            found = 1.0 if content.anomaly_map is None else map_top(content.anomaly_map)
            top = max(found, content.threshold)
        own = grey_window(content.scan)
        boxes = {plane: head_box(content.scan, plane, own[1]) for plane in SIDES}
        return cls(own if window is None else window, top, boxes)

    def millimetres(self, content: Content, plane: Plane) -> tuple[float, float]:
        """Return width and height of a panel in mm."""
        x, y, z = content.spacing
        down, across = {"axial": (y, x), "coronal": (z, x), "sagittal": (z, y)}[plane]
        rows, columns = self.boxes[plane]
        return (columns.stop - columns.start) * across, (rows.stop - rows.start) * down


def draw_panel(
    panel: Panel,
    content: Content,
    look: Look,
    column: Column,
    plane: Plane,
    index: int,
    size: float,
) -> None:
    """Draw one slice.

    Parameters
    ----------
    panel : Panel
        With the proportions of the slice in mm.
    content : Content
    look : Look
    column : Column
    plane : {"axial", "coronal", "sagittal"}
    index : int
    size : float
        Of the letters, in points.
    """
    box = look.boxes[plane]
    ground = content.healthy if column.ground == "healthy" else content.scan
    assert ground is not None
    image = grey_pixels(displayed(ground, index, plane)[box], look.window)
    if column.map:
        assert content.anomaly_map is not None
        image = with_map(image, displayed(content.anomaly_map, index, plane)[box], look.top)
    panel.show(image)
    width = max(0.5, size / 7.0)
    if column.mask:
        assert content.mask is not None
        panel.outline(displayed(content.mask, index, plane)[box], MASK_COLOUR, width)
    if column.reference:
        assert content.reference is not None
        panel.outline(displayed(content.reference, index, plane)[box], TRUTH_COLOUR, width, "--")
    panel.mark_sides(SIDES[plane], size)


def draw_scale(axes: Axes, width_mm: float, size: float) -> None:
    """Draw a scale bar in the lower left corner of a panel that is `width_mm` wide."""
    length = next((bar for bar in _BARS_MM if bar <= 0.4 * width_mm), _BARS_MM[-1])
    start, share = 0.04, length / width_mm
    for colour, line in (("black", 3.0), ("white", 1.5)):
        axes.plot(
            [start, start + share],
            [0.04, 0.04],
            color=colour,
            linewidth=line,
            solid_capstyle="butt",
            transform=axes.transAxes,
            scalex=False,
            scaley=False,
        )
    words = f"{length} mm"
    # The letter of the patient's side stands in the middle of the same edge.
    figure = axes.get_figure(root=True)
    assert figure is not None
    points = 72 * axes.get_window_extent().width / figure.dpi
    room = (0.5 - start) * points - _LETTER * size
    size = min(size, room / (_LETTER * len(words)))
    readable(
        axes.text(
            start, 0.06, words, transform=axes.transAxes, color="w", fontsize=size,
            ha="left", va="bottom",
        )
    )  # fmt: skip
