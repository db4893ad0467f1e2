"""One case of a worklist: its scans, its folder, and its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from anofpdm.common.errors import AnofpdmError
from anofpdm.results.folder import ANALYSIS_FOLDER, MASK_FILE
from anofpdm.results.json_file import JsonFile

CASE_FILE = "case_review.json"

CaseState = Literal["new", "analysed", "reviewed"]


class CaseFile(JsonFile):
    """What a reader says about a case as a whole.

    Attributes
    ----------
    reviewed : bool
        Whether the reader has finished the case.
    note : str
    """

    what: ClassVar = "file of a case"
    again: ClassVar = "remove the file and review the case again"

    format_version: Literal[1] = 1
    reviewed: bool = False
    note: str = ""


@dataclass(frozen=True)
class Case:
    """A case.

    Attributes
    ----------
    name : str
        Unique in its worklist.
    folder : Path
        Holds the results and the reader's files; it need not exist yet.
    images : mapping of str to Path
        The scans by modality; empty where only results are known.
    problem : str
        One sentence on why it cannot be analysed; empty where nothing is known against it.
    """

    name: str
    folder: Path
    images: Mapping[str, Path] = field(default_factory=dict)
    problem: str = ""

    @property
    def analysis(self) -> Path | None:
        """The stored analysis, if there is one."""
        path = self.folder / ANALYSIS_FOLDER
        return path if path.is_dir() else None

    @property
    def state(self) -> CaseState:
        """What has been done so far, by the files in the folder."""
        if self.read().reviewed:
            return "reviewed"
        done = self.analysis is not None or (self.folder / MASK_FILE).is_file()
        return "analysed" if done else "new"

    def read(self) -> CaseFile:
        """Return what the reader says about the case; a damaged file says nothing."""
        path = self.folder / CASE_FILE
        if not path.is_file():
            return CaseFile()
        try:
            return CaseFile.read(path)
        except AnofpdmError:
            return CaseFile()

    def write(self, *, reviewed: bool, note: str) -> None:
        """Store what the reader says about the case.

        Raises
        ------
        OutputError
            When the folder cannot be written.
        """
        file = CaseFile(reviewed=reviewed, note=note.strip())
        if file != self.read() or (self.folder / CASE_FILE).is_file():
            file.write(self.folder / CASE_FILE, overwrite=True)
