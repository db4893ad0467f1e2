"""Names for screen readers."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget


def name_control(control: QWidget, name: str) -> None:
    """Give a control, and the parts that it is made of, the name of its label.

    Parameters
    ----------
    control : QWidget
    name : str
        As on the label; parts with a name of their own keep it.
    """
    for part in (control, *control.findChildren(QWidget)):
        if not part.accessibleName():
            part.setAccessibleName(name)
