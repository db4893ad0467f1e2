"""The gate's verdict on a slice as text, and the bar that shows it with 'Show anyway'."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

if TYPE_CHECKING:
    from anofpdm import Interpretation

_SHOW_TIP = (
    "The gate leaves the mask of this slice empty. Show what the threshold alone would mark.\n"
    "Only the preview of this slice changes, not the committed or the exported mask."
)


def cosine_pair(cosine: float, threshold: float) -> tuple[str, str]:
    """Format both numbers with as many digits, 3 to 6, as are needed to see a difference."""
    for digits in range(3, 7):
        pair = f"{cosine:.{digits}f}", f"{threshold:.{digits}f}"
        if pair[0] != pair[1]:
            break
    return pair


def gate_words(cosine: float, threshold: float | None, *, gate: bool) -> str:
    """Describe how the cosine compares with the threshold, and the verdict.

    Parameters
    ----------
    cosine : float
        Eq. 18, 0..1.
    threshold : float or None
        Cos*, or None if it is unknown.
    gate : bool
        Whether the gate is on.
    """
    if threshold is None:
        return f"cosine {cosine:.4f}; no threshold, the gate is off"
    here, limit = cosine_pair(cosine, threshold)
    relation = ">" if cosine > threshold else "≤"
    if not gate:
        return f"cosine {here} {relation} {limit}; the gate is off"
    return f"cosine {here} {relation} {limit}: {'healthy' if cosine > threshold else 'unhealthy'}"


def verdict_words(result: Interpretation, *, shown_anyway: bool) -> str:
    """Describe the verdict of gate or threshold on a slice, the first of `result`."""
    name, settings = f"Slice {int(result.slice_ids[0])}", result.settings
    marked = "The threshold marks a lesion." if result.mask[0].any() else "Nothing is marked."
    if not settings.gate or settings.cosine_threshold is None:
        if settings.threshold.kind != "absolute":
            return f"{name}: the gate is off (cosine {float(result.cosine[0]):.4f}). {marked}"
        looks = (
            "healthy: no pixel of its map reaches"
            if result.healthy[0]
            else ("unhealthy: a spot of its map reaches")
        )
        return f"{name} looks {looks} {settings.threshold.value:.4g}."
    here, limit = cosine_pair(float(result.cosine[0]), settings.cosine_threshold)
    if not result.healthy[0]:
        return f"{name} looks unhealthy: its cosine {here} is not above {limit}. {marked}"
    if shown_anyway:
        return f"{name} looks healthy (cosine {here} above {limit}), but is shown anyway."
    return f"{name} looks healthy: its cosine {here} is above {limit}. Its mask is empty."


class SliceVerdict(QWidget):
    """A line about the slice in view, with a button if the gate hides its mask."""

    show_anyway = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setMinimumWidth(80)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.words.setToolTip(
            "The cosine compares the two error curves of this slice (0 to 1, no unit).\n"
            "Near 1 the curves are alike, and the slice counts as healthy."
        )
        self.button = QPushButton("Show anyway")
        self.button.setCheckable(True)
        self.button.setToolTip(_SHOW_TIP)
        self.button.toggled.connect(self.show_anyway)
        self.button.hide()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)

    def say(self, text: str) -> None:
        """Show a text without the button."""
        self.words.setText(text)
        self.button.hide()

    def show_result(self, result: Interpretation, *, shown_anyway: bool) -> None:
        """Show the verdict on an interpretation's first slice without emitting a signal."""
        self.words.setText(verdict_words(result, shown_anyway=shown_anyway))
        self.button.blockSignals(True)
        self.button.setChecked(shown_anyway)
        self.button.blockSignals(False)
        self.button.setVisible(result.settings.gate and bool(result.healthy[0]))
