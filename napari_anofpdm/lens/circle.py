"""`Circle`: a filter of vispy that draws a layer inside a circle only."""

from __future__ import annotations

from vispy.visuals.filters import Filter

_CODE = """
void lens() {
    float away = distance(gl_FragCoord.xy, $centre);
    if (away > $radius) discard;
    if (away > $radius - $rim) gl_FragColor = vec4(1.0, 0.85, 0.2, 1.0);
}
"""
_RIM_PX = 1.5


class Circle(Filter):  # type: ignore[misc]
    """Cuts a visual to a circle with a thin rim; a new place costs no new data.

    Parameters
    ----------
    ratio : float
        Device pixels per pixel of the canvas.
    """

    def __init__(self, ratio: float) -> None:
        super().__init__(fcode=_CODE, fhook="post", fpos=10)
        self._ratio = ratio
        self.fshader["rim"] = _RIM_PX * ratio
        self.hide()

    def place(self, x: float, y: float, height: float, radius: float) -> None:
        """Put the circle on a point of the canvas.

        Parameters
        ----------
        x, y : float
            In pixels, from the upper left corner.
        height : float
            Of the canvas, in pixels.
        radius : float
            In pixels.
        """
        # OpenGL counts from the lower left corner.
        self.fshader["centre"] = (x * self._ratio, (height - y) * self._ratio)
        self.fshader["radius"] = radius * self._ratio

    def hide(self) -> None:
        """Draw nothing of the visual."""
        self.fshader["centre"] = (0.0, 0.0)
        self.fshader["radius"] = -1.0
