"""Films: the slices of a volume, or the noise steps of one slice, as GIF, WebP or APNG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgb
from scipy import ndimage

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import SettingsError
from anofpdm.results.pictures.choosing import SliceChoice
from anofpdm.results.pictures.colours import MASK_COLOUR, TRUTH_COLOUR
from anofpdm.results.pictures.columns import Column, Look
from anofpdm.results.pictures.content import Content, map_label
from anofpdm.results.pictures.figures.figure import check_suffix, draw_figure
from anofpdm.results.pictures.figures.options import FigureOptions, picked_slices
from anofpdm.results.pictures.figures.page import Aside
from anofpdm.results.pictures.greys import network_white, scan_of, to_scan
from anofpdm.results.pictures.levels import grey_window
from anofpdm.results.pictures.planes import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from PIL.Image import Image

    from anofpdm.analysis.analysis import Analysis
    from anofpdm.method.settings import Settings

FILM_SUFFIXES = (".gif", ".webp", ".apng")
STEP_COLUMNS = (Column(), Column(ground="healthy"), Column(map=True))
_FASTEST = 50.0
_CURVE_INCHES = 1.6
_COLOURS, _GREYS = 256, 64
_SAMPLES = 5
_CURVE, _POINT = "#0072B2", "#D55E00"


@dataclass(frozen=True)
class Film:
    """Frames that are drawn one at a time.

    Attributes
    ----------
    frames : sequence of callables
        Each returns an array of shape (rows, columns, 3), uint8; all have one shape.
    """

    frames: Sequence[Callable[[], NDArray[np.uint8]]]

    def __len__(self) -> int:
        return len(self.frames)


def film_of_slices(content: Content, options: FigureOptions) -> Film:
    """Go through the chosen slices of one plane.

    Parameters
    ----------
    content : Content
    options : FigureOptions
        Of the first plane.

    Raises
    ------
    SettingsError
        When a column or a slice is unavailable.
    """
    plane = next(iter(options.slices))
    picked = picked_slices(content, replace(options, slices={plane: options.slices[plane]}))[plane]
    look = Look.of(content, options.window, options.map_max)
    for column in options.columns:
        column.check(content)

    def frame(index: int) -> Callable[[], NDArray[np.uint8]]:
        return lambda: _drawn(content, _one_slice(options, plane, index), look)

    return Film([frame(index) for index in picked])


def film_of_steps(
    analysis: Analysis,
    settings: Settings,
    slice_id: int,
    options: FigureOptions,
    content: Content | None = None,
) -> Film:
    """Go through the noise steps of an axial slice.

    Beside the scan stand the prediction guided toward health and the step map at each step; below
    runs the divergence M_t, with the step in view and the end step t_e.

    Parameters
    ----------
    analysis : Analysis
    settings : Settings
    slice_id : int
        Canonical axial index.
    options : FigureOptions
        Its columns are not used.
    content : Content, optional
        Gives the scan, the mask, drawn on the step map, and the words.

    Raises
    ------
    SettingsError
        When the slice is not analysed.
    """
    from anofpdm.analysis.step_maps import step_maps
    from anofpdm.method.interpretation import interpret

    positions = {int(k): position for position, k in enumerate(analysis.slice_ids)}
    if slice_id not in positions:
        ids = sorted(positions)
        raise SettingsError(
            f"Axial slice {slice_id} is not analysed; analysed are {ids[0]} to {ids[-1]}."
        )
    position, geometry = positions[slice_id], analysis.geometry
    found = interpret(analysis, settings, [position])
    maps = [step_maps(analysis, settings, position, k) for k in range(len(analysis.timesteps))]
    modality = analysis.scored[0]

    def plane(image: NDArray[Any]) -> NDArray[Any]:
        return geometry.map_plane(image)[:, :, None]

    scan = scan_of(analysis) if content is None else content.scan
    white = network_white(analysis, scan)
    brain = geometry.orientation.to_canonical(analysis.foreground_native)[:, :, slice_id]
    brain = ndimage.binary_fill_holes(brain)[:, :, None]
    shift = np.eye(4)
    shift[2, 3] = slice_id
    still = Content(
        scan=scan[:, :, [slice_id]],
        affine=geometry.canonical_affine @ shift,
        anomaly_map=np.zeros((*scan.shape[:2], 1), dtype=np.float32),
        map_name="step map",
        map_label=map_label("step map S$_t$", settings),
        mask=None if content is None or content.mask is None else content.mask[:, :, [slice_id]],
        title="" if content is None else content.title,
        footer="" if content is None else content.footer,
    )
    columns = STEP_COLUMNS
    if still.mask is not None:
        columns = (*STEP_COLUMNS[:-1], Column(map=True, mask=True))
    # The maps of all steps have one range of colours, or the first ones would look like lesions.
    top = options.map_max or float(np.percentile(np.stack([m.sam[0] for m in maps]), 99.8))
    look = Look.of(still, options.window or grey_window(scan), max(top, 1e-6))
    base = _one_slice(replace(options, columns=columns), "axial", 0)

    def frame(step: int) -> Callable[[], NDArray[np.uint8]]:
        t = analysis.timesteps[step]

        def draw() -> NDArray[np.uint8]:
            shown = replace(
                still,
                healthy=np.where(brain, plane(to_scan(maps[step].healthy[0], white)), 0.0),
                anomaly_map=plane(maps[step].sam[0]),
            )
            return _drawn(
                shown,
                base,
                look,
                label=lambda *_: f"axial {slice_id}, {modality}, t = {t}",
                aside=Aside(
                    _CURVE_INCHES * options.font_size / 7,
                    lambda axes: _draw_curve(
                        axes,
                        np.asarray(analysis.timesteps),
                        found.divergence[0, 0],
                        step,
                        int(found.end_step[0, 0]),
                        options.font_size,
                    ),
                ),
            )

        return draw

    return Film([frame(step) for step in range(len(maps))])


def save_film(
    path: Path,
    film: Film,
    frames_per_second: float = 10.0,
    *,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a film that repeats for ever; the suffix names the format.

    Parameters
    ----------
    path : Path
        It appears whole or not at all.
    film : Film
    frames_per_second : float
        Above 0 and up to 50, the most that viewers of GIF follow.
    overwrite : bool
        Whether an existing file is replaced.
    progress : callable
        Takes the number of frames drawn and their total.

    Raises
    ------
    SettingsError
        When the suffix or the speed is not possible, or the film has no frame.
    OutputError
        When the file exists or cannot be written.
    """
    check_suffix(path, FILM_SUFFIXES)
    if not 0 < frames_per_second <= _FASTEST:
        raise SettingsError(
            f"A film has above 0 and up to {_FASTEST:g} frames a second; got {frames_per_second:g}."
        )
    if not len(film):
        raise SettingsError("The film has no frame; choose other slices.")
    suffix = path.suffix.lower()
    with atomic_path(path, overwrite=overwrite) as part:
        frames = _as_gif(film) if suffix == ".gif" else _images(film)
        first, *others = _counted(frames, len(film), progress)
        first.save(
            part,
            format={".gif": "GIF", ".webp": "WEBP", ".apng": "PNG"}[suffix],
            save_all=True,
            append_images=others,
            duration=round(1000 / frames_per_second),
            loop=0,
        )


def _one_slice(options: FigureOptions, plane: Plane, index: int) -> FigureOptions:
    return replace(options, slices={plane: SliceChoice("numbers", 1, (index,))})


def _drawn(content: Content, options: FigureOptions, look: Look, **more: Any) -> NDArray[np.uint8]:
    return pixels_of(draw_figure(content, options, look, **more))


def pixels_of(figure: Figure) -> NDArray[np.uint8]:
    """Draw a figure and return its pixels, shape (rows, columns, 3)."""
    canvas: Any = figure.canvas  # a FigureCanvasAgg, whose methods have no types
    canvas.draw()
    return np.array(canvas.buffer_rgba(), dtype=np.uint8)[..., :3]


def _draw_curve(
    axes: Axes, timesteps: NDArray[Any], divergence: NDArray[Any], step: int, end: int, size: float
) -> None:
    axes.plot(timesteps, divergence, color=_CURVE, linewidth=size / 5)
    axes.axvline(end, color="0.5", linestyle="--", linewidth=size / 9)
    axes.plot(timesteps[step], divergence[step], "o", color=_POINT, markersize=size * 0.8)
    axes.set_xlabel("noise level t (dashed: end step t$_e$)")
    axes.set_ylabel("M$_t$")
    axes.set_ylim(bottom=0)


def _images(film: Film) -> Iterator[Image]:
    from PIL import Image

    for draw in film.frames:
        yield Image.fromarray(draw())


def _as_gif(film: Film) -> Iterator[Image]:
    """Frames in the 256 colours of some of them: a palette for each would make the film flicker."""
    from PIL import Image

    chosen = np.unique(np.linspace(0, len(film) - 1, _SAMPLES).astype(int))
    colours = _palette(np.concatenate([film.frames[k]().reshape(-1, 3) for k in chosen]))
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.tobytes())
    for image in _images(film):
        yield image.quantize(palette=palette, dither=Image.Dither.NONE)


def _palette(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Choose greys for the scan and, for the rest, colours however few pixels they have."""
    from PIL import Image

    greys = np.repeat(np.linspace(0, 255, _GREYS).astype(np.uint8)[:, None], 3, axis=1)
    distinct = np.unique(pixels >> 2 << 2, axis=0)
    coloured = distinct[np.ptp(distinct.astype(int), axis=1) > 8]
    drawn = [to_rgb(colour) for colour in (MASK_COLOUR, TRUTH_COLOUR, _CURVE, _POINT)]
    own = np.rint(255 * np.array(drawn)).astype(np.uint8)
    if not len(coloured):
        return np.concatenate([greys, own])
    image = Image.fromarray(coloured[None]).quantize(_COLOURS - _GREYS - len(own))
    found = np.frombuffer(bytes(image.getpalette() or []), np.uint8).reshape(-1, 3)
    return np.concatenate([greys, own, found])


def _counted(
    frames: Iterator[Image], total: int, progress: Callable[[int, int], None]
) -> Iterator[Image]:
    for done, frame in enumerate(frames, start=1):
        yield frame
        progress(done, total)
