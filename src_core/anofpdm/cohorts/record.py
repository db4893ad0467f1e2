"""The record of a finished scan: from what it was made, and its line in the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from anofpdm.common.errors import DatasetError
from anofpdm.common.reading import file_bytes
from anofpdm.common.validation import parsed

FORMAT_VERSION = 1


class InputFile(BaseModel):
    """An input as it was when it was read.

    Attributes
    ----------
    stamp : str
        See `stamp_of`.
    content : str
        See `content_of`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stamp: str
    content: str


class ScanRecord(BaseModel):
    """What a scan's results were made from.

    Attributes
    ----------
    format_version : int
    scan : str
    key : str
        Hash of model, settings and program.
    inputs : dict of str to InputFile
        By role.
    row : dict
        The scan's line in the table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    scan: str
    key: str
    inputs: dict[str, InputFile]
    row: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> ScanRecord | None:
        """Read a record; None where there is none, or it is damaged: the scan is not done."""
        if not path.is_file():
            return None
        try:
            return parsed(
                cls,
                file_bytes(path, DatasetError),
                str(path),
                version=FORMAT_VERSION,
                what="record of a scan",
                remedy="segment the scan again",
                raises=DatasetError,
            )
        except DatasetError:
            return None

    def write(self, path: Path) -> None:
        """Write it into a folder that appears whole."""
        path.write_text(json.dumps(self.model_dump(mode="json"), indent=1) + "\n", "utf-8")

    def has_stamps(self, stamps: dict[str, str]) -> bool:
        """Whether the inputs are untouched since."""
        return {role: one.stamp for role, one in self.inputs.items()} == stamps

    def has_contents(self, contents: dict[str, str]) -> bool:
        """Whether the inputs have the same content as then."""
        return {role: one.content for role, one in self.inputs.items()} == contents
