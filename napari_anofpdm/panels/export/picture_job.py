"""A figure or film of the result in view, as the user asked for it; drawn off the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anofpdm import Analysis, Interpretation, Volume
    from anofpdm.results.native import NativeResult
    from anofpdm.results.pictures.content import Content
    from anofpdm.results.pictures.figures.options import FigureOptions
    from anofpdm.results.pictures.film import Film
    from anofpdm.results.pictures.planes import Plane

PictureKind = Literal["figure", "slices", "steps"]
_PREVIEW_PX = 760
_INCH = 2.54
FILM_DPI = 100


@dataclass(frozen=True, eq=False)
class Source:
    """The result as it was when the user asked.

    Attributes
    ----------
    analysis, interpretation, native
        The result; `native` with the mask in view, an edited one included.
    reference : Volume or None
        A known lesion.
    slice_id : int or None
        The axial slice in view, if it is analysed.
    """

    analysis: Analysis
    interpretation: Interpretation
    native: NativeResult
    reference: Volume | None = None
    slice_id: int | None = None

    def is_same(self, other: Source | None) -> bool:
        """Return whether another shows the same."""
        return (
            other is not None
            and self.analysis is other.analysis
            and self.interpretation is other.interpretation
            and self.native is other.native
            and (self.reference is other.reference)
        )


@dataclass(frozen=True)
class Wanted:
    """What the form asks for.

    Attributes
    ----------
    kind : {"figure", "slices", "steps"}
        A figure; a film of the slices of a plane; or one of the noise steps of a slice.
    planes : tuple of str
    slices : str
        As for `anofpdm figure`; of a film of slices "lesions" are all with a lesion.
    columns : tuple of str
    width : float
        In cm; of films in pixels.
    dpi : int
        Of figures.
    fps : float
        Of films.
    ground : {"white", "black"}
    title : str or None
    font_size : float
    """

    kind: PictureKind
    planes: tuple[Plane, ...]
    slices: str
    columns: tuple[str, ...]
    width: float
    dpi: int
    fps: float
    ground: Literal["white", "black"]
    title: str | None
    font_size: float

    @property
    def shows_healthy(self) -> bool:
        """Whether the healthy predictions of all slices are needed."""
        return self.kind != "steps" and any("healthy" in column for column in self.columns)

    @property
    def shows_reference(self) -> bool:
        """Whether a known lesion is drawn."""
        return self.kind != "steps" and any("reference" in column for column in self.columns)

    def preview(self, source: Source, content: Content) -> NDArray[Any]:
        """Draw a small picture: the figure, or the middle frame of the film."""
        from anofpdm.results.pictures.figures.figure import draw_figure
        from anofpdm.results.pictures.film import pixels_of

        if self.kind != "figure":
            frames = self._film(source, content).frames
            return frames[len(frames) // 2]()
        dpi = min(self.dpi, max(20, int(_PREVIEW_PX / (self.width / _INCH))))
        return pixels_of(draw_figure(content, self._options(content, dpi=dpi)))

    def save(
        self,
        source: Source,
        content: Content,
        path: Path,
        overwrite: bool,
        progress: Callable[[int, int], None],
    ) -> Path:
        """Write the file."""
        from anofpdm.results.pictures.figures.figure import draw_figure, save_figure
        from anofpdm.results.pictures.film import save_film

        if self.kind == "figure":
            figure = draw_figure(content, self._options(content, dpi=self.dpi))
            save_figure(path, figure, self.dpi, overwrite=overwrite)
        else:
            film = self._film(source, content)
            save_film(path, film, self.fps, overwrite=overwrite, progress=progress)
        return path

    def _film(self, source: Source, content: Content) -> Film:
        from anofpdm.results.pictures.figures.options import picked_slices
        from anofpdm.results.pictures.film import film_of_slices, film_of_steps

        options = self._options(content, dpi=FILM_DPI)
        if self.kind == "slices":
            return film_of_slices(content, options)
        slice_id = picked_slices(content, options)["axial"][0]
        settings = source.interpretation.settings
        return film_of_steps(source.analysis, settings, slice_id, options, content)

    def _options(self, content: Content, *, dpi: int) -> FigureOptions:
        from anofpdm.results.pictures.choosing import SliceChoice, marked_range, slice_choices
        from anofpdm.results.pictures.columns import Column
        from anofpdm.results.pictures.figures.options import FigureOptions

        planes: tuple[Plane, ...] = ("axial",) if self.kind == "steps" else self.planes
        if self.kind == "slices":
            planes = planes[:1]
        chosen: dict[Plane, SliceChoice]
        if self.slices == "lesions":
            chosen = {plane: marked_range(content.marked(plane)) for plane in planes}
        else:
            chosen = slice_choices([self.slices], planes)
        return FigureOptions(
            slices=chosen,
            columns=tuple(Column.of(column) for column in self.columns),
            width_cm=self.width if self.kind == "figure" else self.width / FILM_DPI * _INCH,
            dpi=dpi,
            ground=self.ground,
            title=self.title,
            font_size=self.font_size,
        )


def content_for(source: Source, *, healthy: bool) -> Content:
    """Gather what is shown."""
    from anofpdm.results.pictures.content import content_of

    return content_of(
        source.analysis,
        source.interpretation,
        source.native,
        reference=source.reference,
        healthy=healthy,
    )
