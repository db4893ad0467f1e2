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


def gate_words(cosine: float, threshold: float | None, *, gate: bool, skull: bool = False) -> str:
    """Describe how the cosine compares with the threshold, and the verdict.

    Parameters
    ----------
    cosine : float
        Eq. 18, 0..1.
    threshold : float or None
        Cos*, or None if it is unknown.
    gate : bool
        Whether the gate is on.
    skull : bool
        Whether the scan shows the skull: there is no verdict then.
    """
    if threshold is None:
        return f"cosine {cosine:.4f}; no threshold, the gate is off"
    here, limit = cosine_pair(cosine, threshold)
    relation = ">" if cosine > threshold else "≤"
    if not gate:
        return f"cosine {here} {relation} {limit}; the gate is off"
    if skull:
        return f"cosine {here} {relation} {limit}; skull in view"
    return f"cosine {here} {relation} {limit}: {'healthy' if cosine > threshold else 'unhealthy'}"


def verdict_words(
    result: Interpretation, *, shown_anyway: bool, kept: bool | None = None, skull: bool = False
) -> str:
    """Describe the verdict of gate or threshold on a slice, the first of `result`.

    Parameters
    ----------
    result : Interpretation
    shown_anyway : bool
        Whether the user wants to see the mask of a healthy slice.
    kept : bool, optional
        Whether anything of the slice's mask is left in the mask on the scan's own voxels, where
        small lesions are removed; None while that is unknown.
    skull : bool
        Whether the scan shows the skull: the verdict is then replaced by a warning.
    """
    name, settings = f"Slice {int(result.slice_ids[0])}", result.settings
    gated = settings.gate and settings.cosine_threshold is not None
    if skull:
        return (
            f"{name}: the skull is in view, so neither verdict nor mask can be trusted. Extract "
            f"the brain, or add a brain mask.{_marks(result, kept)}"
        )
    if not gated:
        if settings.threshold.kind != "absolute":
            cosine = float(result.cosine[0])
            return f"{name}: the gate is off (cosine {cosine:.4f}).{_marks(result, kept)}"
        return f"{name} {_fixed_threshold_words(result, settings.threshold.value, kept)}"
    assert settings.cosine_threshold is not None
    here, limit = cosine_pair(float(result.cosine[0]), settings.cosine_threshold)
    if not result.healthy[0]:
        why = f"its cosine {here} is not above {limit}"
        return f"{name} looks unhealthy: {why}.{_marks(result, kept)}"
    if shown_anyway:
        return f"{name} looks healthy (cosine {here} above {limit}), but is shown anyway."
    return f"{name} looks healthy: its cosine {here} is above {limit}. Its mask is empty."


def _fixed_threshold_words(result: Interpretation, value: float, kept: bool | None) -> str:
    what = _map_name(result)
    if not result.healthy[0]:
        lost = _marks(result, kept) if kept is False else ""
        return f"looks unhealthy: a spot of its {what} reaches {value:.4g}.{lost}"
    if _reaches(result):
        small = "is smaller than the smallest spot"
        return f"looks healthy: what reaches {value:.4g} on its {what} {small}."
    return f"looks healthy: no pixel of its {what} reaches {value:.4g}."


def _marks(result: Interpretation, kept: bool | None) -> str:
    """Return a sentence on what the threshold marks and the filters leave of it, after a space."""
    settings = result.settings
    if not result.mask[0].any():
        gated = settings.gate and bool(result.healthy[0])
        if _reaches(result) and not gated:
            return " What the threshold marks is smaller than the smallest spot and removed."
        return " Nothing is marked."
    if kept is not False:
        return " The threshold marks a lesion."
    if settings.refinement is not None:
        return " Nothing of what the threshold marks is left after the refinement on the scan."
    if settings.min_component_ml > 0:
        least = f"{settings.min_component_ml:g} ml"
        return f" What the threshold marks is not in the mask: lesions below {least} are removed."
    return " What the threshold marks lies outside the brain and is not in the mask."


def _reaches(result: Interpretation) -> bool:
    """Whether a pixel of the map that is compared with the threshold reaches it."""
    shown = result.filtered_map[0]
    return bool(((shown >= result.threshold[0]) & (shown > 0)).any())


def _map_name(result: Interpretation) -> str:
    return "filtered map" if result.settings.median_kernel > 1 else "map"


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

    def show_result(
        self,
        result: Interpretation,
        *,
        shown_anyway: bool,
        kept: bool | None = None,
        skull: bool = False,
    ) -> None:
        """Show the verdict on an interpretation's first slice without emitting a signal.

        Parameters are those of `verdict_words`.
        """
        words = verdict_words(result, shown_anyway=shown_anyway, kept=kept, skull=skull)
        self.words.setText(words)
        self.button.blockSignals(True)
        self.button.setChecked(shown_anyway)
        self.button.blockSignals(False)
        self.button.setVisible(result.settings.gate and bool(result.healthy[0]))
