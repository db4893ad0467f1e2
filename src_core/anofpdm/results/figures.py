"""The report's picture: slices with map and mask, the M_t curves, the cosine of every slice.

What other pictures share with it stands here, too: planes as images, windows, sides, outlines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from anofpdm.method.settings_words import (
    healthy_rule_words,
    refinement_words,
    threshold_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.text import Text

    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.interpretation import Interpretation
    from anofpdm.method.settings import Settings
    from anofpdm.results.native import NativeResult

Plane = Literal["axial", "coronal", "sagittal"]
AXIS_ACROSS: dict[Plane, int] = {"axial": 2, "coronal": 1, "sagittal": 0}
"""The canonical axis across the slices of each plane; slices are counted toward R, A or S."""


class Sides(NamedTuple):
    """The letter of the patient's side at each edge of a picture."""

    left: str
    right: str
    top: str
    bottom: str


SIDES: dict[Plane, Sides] = {
    "axial": Sides("R", "L", "A", "P"),
    "coronal": Sides("R", "L", "S", "I"),
    "sagittal": Sides("A", "P", "S", "I"),
}
_RIGHT_LEFT = Sides("R", "L", "", "")
NOTICE = "Research use only - not a medical device"
COLUMNS = 6
_TITLE_INCHES, _LINE_INCHES, _LINE_CHARACTERS = 0.6, 0.24, 150
_HEALTHY, _UNHEALTHY = "#0072B2", "#D55E00"
MASK_COLOUR, TRUTH_COLOUR = "#00E5FF", "#F0E442"
_LINES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Picture:
    """The content of the report, on the scan's own voxels along canonical axes (toward R, A, S).

    Attributes
    ----------
    scan : ndarray, shape (i, j, k)
        The scan drawn beneath, in its own units; NaN counts as background.
    anomaly_map : ndarray, shape (i, j, k)
        H, 0 or more.
    mask : ndarray of bool, shape (i, j, k)
    spacing : tuple of float
        Voxel size in mm along the three axes.
    title : str
        What was analysed, and the outcome, in one line.
    footer : str
        The bundle's name and version, and how it was run.
    warnings : tuple of str
        What may spoil the result, a sentence each.
    truth : ndarray of bool, shape (i, j, k), optional
        A known lesion.
    """

    scan: NDArray[Any]
    anomaly_map: NDArray[np.float32]
    mask: NDArray[np.bool_]
    spacing: tuple[float, float, float]
    title: str
    footer: str
    warnings: tuple[str, ...] = ()
    truth: NDArray[np.bool_] | None = None


def picture_of(
    analysis: Analysis,
    native: NativeResult,
    report: Mapping[str, Any],
    truth: NDArray[Any] | None = None,
) -> Picture:
    """Turn scan, map and mask to canonical axes, and sum up the report in two lines.

    The scan drawn is that of the first scored modality; where the analysis carries no scan, its
    slices on the network's grid stand in.
    """
    geometry, modality = analysis.geometry, analysis.scored[0]
    if modality in analysis.native:
        scan = np.asarray(analysis.native[modality])
    else:
        scan = geometry.map_to_native((analysis.x0[:, 0] + 1) / 2, analysis.slice_ids)
    turn = geometry.orientation.to_canonical
    x, y, z = (float(v) for v in np.linalg.norm(geometry.canonical_affine[:3, :3], axis=0))
    lesions, bundle, run = report["lesions"], report["bundle"], report["analysis"]
    count = len(lesions["components"])
    name = next((s["name"] for s in report["sources"] if s["modality"] == modality), "scan")
    return Picture(
        scan=turn(scan),
        anomaly_map=turn(native.anomaly_map),
        mask=turn(native.mask).astype(bool),
        truth=None if truth is None else turn(truth).astype(bool),
        spacing=(x, y, z),
        title=found_words(name, lesions["volume_ml"], count),
        warnings=tuple(report["warnings"]),
        footer=f"bundle {bundle['name']} {bundle['version']} ({bundle['hash'][:12]}), "
        f"{modality.upper()}, {run['process'].upper()}, {len(run['timesteps'])} steps up to "
        f"t = {run['timesteps'][-1]}, seed {run['seed']}, {run['device']}",
    )


def found_words(name: str, volume_ml: float, count: int) -> str:
    """Say in a line what was found."""
    start = f"{name}: " if name else ""  # a scan that comes from no file
    return f"{start}{volume_ml:.2f} ml in {count} lesion{'' if count == 1 else 's'}"


def save_picture(path: Path, picture: Picture, interpretation: Interpretation) -> None:
    """Draw the report's picture as a PNG file.

    Slices are seen from the feet (radiological convention: the patient's right is on the left),
    and keep their proportions in millimetres.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    picture : Picture
        Scan, map and mask.
    interpretation : Interpretation
        Curves, end steps, cosines and verdicts of the analysed slices.
    """
    lines = [(picture.footer, "0.25"), (_settings_line(interpretation.settings), "0.25")]
    for warning in picture.warnings:
        lines += [(line, _UNHEALTHY) for line in wrap(f"Warning: {warning}", _LINE_CHARACTERS)]
    head = _TITLE_INCHES + _LINE_INCHES * len(lines)
    figure = Figure(figsize=(14, 15 + head), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 1, height_ratios=[head, 11.3, 3.7])
    header, montage, curves = (figure.add_subfigure(grid[row]) for row in range(3))
    header.text(0.02, 1 - 0.2 / head, picture.title, fontsize=15, weight="bold", va="top")
    header.text(0.98, 1 - 0.2 / head, NOTICE, fontsize=12, va="top", ha="right", color=_UNHEALTHY)
    for number, (line, colour) in enumerate(lines):
        height = 1 - (_TITLE_INCHES + _LINE_INCHES * number) / head
        header.text(0.02, height, line, fontsize=11, va="top", color=colour)
    _draw_montage(montage, picture, interpretation)
    _draw_curves(curves, interpretation)
    figure.savefig(path, format="png")


def _settings_line(settings: Settings) -> str:
    sides = "" if settings.polarity == "both" else f", {settings.polarity} alone"
    drawn = "" if settings.refinement is None else f", {refinement_words(settings.refinement)}"
    return (
        f"w = {settings.guidance:g}, mask by {threshold_words(settings.threshold)}{sides}{drawn}; "
        f"{healthy_rule_words(settings)}"
    )


def figure_slices(area: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Pick the slices worth showing: spread evenly, and those with the most lesion.

    Parameters
    ----------
    area : ndarray, shape (n,)
        Lesion area of each slice.
    count : int
        How many to pick; all of them when `n` is not larger.

    Returns
    -------
    ndarray of int
        Positions, increasing. Up to half are the largest lesions, neighbours kept apart so that
        one lesion does not fill the page; the rest are spread evenly.
    """
    total = len(area)
    if total <= count:
        return np.arange(total)
    apart = max(1, total // (2 * count))
    picked: list[int] = []
    for position in np.argsort(-area, kind="stable"):
        if area[position] <= 0 or len(picked) == count // 2:
            break
        if all(abs(int(position) - other) >= apart for other in picked):
            picked.append(int(position))
    edges = np.array([-1, *sorted(picked), total])
    shares = np.zeros(len(edges) - 1, dtype=int)
    for _ in range(count - len(picked)):
        shares[np.argmax(np.diff(edges) / (shares + 1))] += 1
    for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True):
        picked.extend(np.rint(np.linspace(low, high, share + 2)[1:-1]).astype(int))
    return np.array(sorted(picked), dtype=np.intp)


def displayed(volume: NDArray[Any], index: int, plane: Plane = "axial") -> NDArray[Any]:
    """Slice `index` of a canonical volume as an image.

    Axial slices are seen from the feet, coronal ones from the front: the patient's right is on the
    left. Sagittal ones are seen from the patient's left: the face looks to the left.
    """
    # A view: `take` would copy a whole volume that is not stored along these axes.
    flat = volume[(slice(None),) * AXIS_ACROSS[plane] + (index,)]
    image: NDArray[Any] = flat[::-1, ::-1].T
    return image


def _draw_montage(area: SubFigure, picture: Picture, interpretation: Interpretation) -> None:
    lesion = picture.mask.sum(axis=(0, 1))
    slice_ids = np.asarray(interpretation.slice_ids)
    positions = figure_slices(lesion[slice_ids], 2 * COLUMNS)
    window = grey_window(picture.scan)
    # At least up to the threshold, so that values far below it do not look like a lesion.
    top = max(map_top(picture.anomaly_map), float(np.max(interpretation.threshold)))
    crop = head_box(picture.scan)
    axes = area.subplots(
        4,
        COLUMNS,
        gridspec_kw={
            "left": 0.01, "right": 0.905, "bottom": 0.01, "top": 0.96, "wspace": 0.03, "hspace": 0.1
        },
    )  # fmt: skip
    image = None
    for place in range(2 * COLUMNS):
        row, column = 2 * (place // COLUMNS), place % COLUMNS
        plain, overlay = axes[row, column], axes[row + 1, column]
        for axis in (plain, overlay):
            axis.set_axis_off()
        if place >= len(positions):
            continue
        index = int(slice_ids[positions[place]])
        label = _slice_label(index, int(positions[place]), interpretation)
        _draw_scan(plain, picture, index, window, crop)
        _draw_scan(overlay, picture, index, window, crop)
        image = _draw_overlay(overlay, picture, index, top, crop)
        # Without a height of its own a title makes matplotlib build all ticks, which nobody sees.
        plain.set_title(label, fontsize=11, pad=3, y=1.0)
        draw_sides(overlay)
        if picture.truth is not None:
            draw_contour(plain, displayed(picture.truth, index)[crop], TRUTH_COLOUR)
    if image is not None:
        bar = area.colorbar(image, extend="max", cax=area.add_axes((0.918, 0.25, 0.012, 0.45)))
        known = "" if picture.truth is None else "; yellow line: true lesion"
        polarity = interpretation.settings.polarity
        alone = "" if polarity == "both" else f", {polarity} alone"
        bar.set_label(f"anomaly map H{alone} (cyan line: mask{known})", fontsize=11)


def _slice_label(index: int, position: int, interpretation: Interpretation) -> str:
    verdict = "healthy" if interpretation.healthy[position] else "unhealthy"
    return f"slice {index}" + (f", {verdict}" if interpretation.settings.judges else "")


def _draw_scan(
    axes: Axes, picture: Picture, index: int, window: tuple[float, float], crop: tuple[slice, slice]
) -> None:
    axes.imshow(
        displayed(picture.scan, index)[crop],
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        aspect=picture.spacing[1] / picture.spacing[0],
        interpolation="nearest",
    )


def draw_sides(axes: Axes, sides: Sides = _RIGHT_LEFT, size: float = 11) -> None:
    """Mark the patient's sides at the edges, readable on dark and on bright tissue."""
    marks = (
        (0.03, 0.5, sides.left, "left", "center"),
        (0.97, 0.5, sides.right, "right", "center"),
        (0.5, 0.98, sides.top, "center", "top"),
        (0.5, 0.02, sides.bottom, "center", "bottom"),
    )
    for x, y, letter, across, along in marks:
        if letter:
            readable(axes.text(x, y, letter, transform=axes.transAxes, color="w", fontsize=size,
                               ha=across, va=along))  # fmt: skip


def readable(text: Text) -> None:
    """Give a text on a picture a dark ground; a rim would turn it into outlines in SVG and PDF."""
    text.set_bbox({"facecolor": "black", "edgecolor": "none", "alpha": 0.5, "pad": 0.6})


def _draw_overlay(
    axes: Axes, picture: Picture, index: int, top: float, crop: tuple[slice, slice]
) -> Any:
    image = axes.imshow(
        displayed(picture.anomaly_map, index)[crop],
        cmap=map_colours(),
        vmin=0.0,
        vmax=top,
        aspect=picture.spacing[1] / picture.spacing[0],
        interpolation="nearest",
    )
    draw_contour(axes, displayed(picture.mask, index)[crop], MASK_COLOUR)
    return image


def draw_contour(
    axes: Axes, mask: NDArray[np.bool_], colour: str, width: float = 1.2, style: str = "-"
) -> None:
    """Outline a mask on a displayed image; the width is in points."""
    if not mask.any():
        return
    # The border keeps a lesion that touches the picture's edge closed.
    grid = np.pad(mask.astype(float), 1)
    rows, columns = np.arange(-1, mask.shape[0] + 1), np.arange(-1, mask.shape[1] + 1)
    axes.contour(
        columns, rows, grid, levels=[0.5], colors=[colour], linewidths=width, linestyles=style
    )
    axes.set_xlim(-0.5, mask.shape[1] - 0.5)
    axes.set_ylim(mask.shape[0] - 0.5, -0.5)


def _draw_curves(area: SubFigure, interpretation: Interpretation) -> None:
    left, right = area.subplots(
        1,
        2,
        gridspec_kw={"left": 0.075, "right": 0.98, "bottom": 0.16, "top": 0.90, "wspace": 0.16},
    )
    _draw_divergence(left, interpretation)
    _draw_cosine(right, interpretation)


def _draw_divergence(axes: Axes, interpretation: Interpretation) -> None:
    """M_t of every slice; the end step t_e as a dot."""
    timesteps = np.asarray(interpretation.timesteps)
    faint = max(0.15, min(0.8, 12 / max(1, len(interpretation.slice_ids))))
    for position in range(len(interpretation.slice_ids)):
        colour = _HEALTHY if interpretation.healthy[position] else _UNHEALTHY
        for channel in range(len(interpretation.modalities)):
            axes.plot(
                timesteps,
                interpretation.divergence[position, channel],
                _LINES[channel % len(_LINES)],
                color=colour,
                alpha=faint,
                linewidth=1,
            )
            axes.plot(
                interpretation.end_step[position, channel],
                interpretation.divergence_at_end[position, channel],
                ".",
                color=colour,
                alpha=min(1.0, 2 * faint),
                markersize=5,
            )
    axes.set_title(
        f"Divergence M$_t$ of each slice (dot: end step t$_e$), w = "
        f"{interpretation.settings.guidance:g}",
        fontsize=12,
    )
    axes.set_xlabel("noise level t", fontsize=11)
    axes.set_ylabel("M$_t$", fontsize=11)
    axes.set_ylim(bottom=0)
    for channel, modality in enumerate(interpretation.modalities):
        line = _LINES[channel % len(_LINES)]
        axes.plot([], [], line, color="0.3", label=modality.upper())
    if interpretation.settings.judges:
        axes.plot([], [], "s", color=_UNHEALTHY, label="unhealthy slice")
        axes.plot([], [], "s", color=_HEALTHY, label="healthy slice")
    axes.legend(fontsize=10, frameon=False)


def _draw_cosine(axes: Axes, interpretation: Interpretation) -> None:
    healthy = np.asarray(interpretation.healthy)
    ids, cosine = np.asarray(interpretation.slice_ids), np.asarray(interpretation.cosine)
    settings = interpretation.settings
    axes.plot(ids, cosine, "-", color="0.8", linewidth=1, zorder=1)
    axes.scatter(
        ids[~healthy],
        cosine[~healthy],
        marker="o",
        s=22,
        color=_UNHEALTHY,
        label="unhealthy" if settings.judges else "slice (gate off)",
    )
    if settings.judges:
        axes.scatter(
            ids[healthy], cosine[healthy], marker="^", s=22, color=_HEALTHY, label="healthy"
        )
    if settings.gate:
        threshold = settings.cosine_threshold
        assert threshold is not None  # Settings holds that the gate has one
        axes.axhline(threshold, color="0.3", linestyle="--", linewidth=1, label="threshold")
    axes.ticklabel_format(axis="y", useOffset=False)
    title = "Cosine of the two error curves, slice by slice"
    if settings.judges and not settings.gate:
        title += "\n(colours show the mask's verdict, which does not use the cosine)"
    axes.set_title(title, fontsize=12)
    axes.set_xlabel("slice (from the feet up, counted from 0)", fontsize=11)
    axes.set_ylabel("cosine", fontsize=11)
    axes.legend(fontsize=10, frameon=False, loc="best")


def map_colours() -> ListedColormap:
    """Colours of an anomaly map over a scan: transparent at 0."""
    colours = colormaps["inferno"](np.linspace(0.15, 1.0, 256))
    colours[:, 3] = np.linspace(0.0, 1.0, 256) ** 0.8 * 0.85
    return ListedColormap(colours)


def grey_window(scan: NDArray[Any]) -> tuple[float, float]:
    """Grey levels from 0 (or the minimum) to the 99.5th percentile of the foreground."""
    values = scan[np.isfinite(scan)]
    bright = values[values > 0]
    low = min(0.0, float(values.min())) if not bright.size else 0.0
    high = float(np.percentile(bright, 99.5)) if bright.size else low + 1.0
    return low, high


def map_top(anomaly_map: NDArray[np.float32]) -> float:
    """Value of the map with the last colour: the 99.8th percentile of what is above 0."""
    positive = anomaly_map[anomaly_map > 0]
    return float(np.percentile(positive, 99.8)) if positive.size else 1.0


def head_box(
    scan: NDArray[Any], plane: Plane = "axial", white: float | None = None
) -> tuple[slice, slice]:
    """Rows and columns of the displayed image that hold the head, with a small margin.

    Parameters
    ----------
    scan : ndarray, shape (i, j, k)
    plane : {"axial", "coronal", "sagittal"}
    white : float, optional
        Upper end of the scan's window, where it is known.
    """
    filled = np.nan_to_num(scan) > 0.05 * (grey_window(scan)[1] if white is None else white)
    shadow = displayed(filled.any(axis=AXIS_ACROSS[plane], keepdims=True), 0, plane)
    ranges = []
    for axis in (1, 0):
        used = np.flatnonzero(shadow.any(axis=axis))
        size = shadow.shape[1 - axis]
        low, high = (int(used[0]), int(used[-1])) if used.size else (0, size - 1)
        margin = max(1, (high - low) // 20)
        ranges.append(slice(max(0, low - margin), min(size, high + margin + 1)))
    return ranges[0], ranges[1]
