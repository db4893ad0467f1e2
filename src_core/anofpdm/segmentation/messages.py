"""What a segmentation says on the way: notes and warnings."""

from __future__ import annotations

from typing import Protocol


class Messages(Protocol):
    """Takes notes and warnings.

    Attributes
    ----------
    warnings : list of str
        The warnings so far.
    """

    warnings: list[str]

    def warn(self, message: str) -> None:
        """Say what the reader of the results must know."""

    def note(self, message: str) -> None:
        """Say what was done."""


class KeptMessages:
    """Messages that are kept and not shown, as where nobody watches.

    Attributes
    ----------
    warnings, notes : list of str
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def warn(self, message: str) -> None:
        """Keep a warning."""
        self.warnings.append(message)

    def note(self, message: str) -> None:
        """Keep a note."""
        self.notes.append(message)
