"""`JsonFile`: base class of what is kept in a small JSON file with a format version."""

from __future__ import annotations

import json
import os
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import SettingsError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import file_bytes
from anofpdm.common.validation import parsed


class JsonFile(BaseModel):
    """A frozen model that reads and writes itself.

    Subclasses have a field `format_version`.

    Attributes
    ----------
    what : str
        What the file is, for errors, such as "settings file".
    again : str
        How to replace a damaged one.
    version : int
        The format version that is read and written.
    indent : int or None
        Of the JSON text; None writes one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    what: ClassVar[str]
    again: ClassVar[str]
    version: ClassVar[int] = 1
    indent: ClassVar[int | None] = 2

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read and check a file.

        Raises
        ------
        SettingsError
            When the file is missing, is no file of this kind, is of another format version, or
            holds a value out of its range.
        """
        if (fault := missing_content(path)) is not None:
            raise SettingsError(fault)
        return parsed(
            cls,
            file_bytes(path, SettingsError, f"choose another {cls.what}"),
            str(path),
            version=cls.version,
            what=f"an AnoFPDM {cls.what}",
            remedy=cls.again,
            raises=SettingsError,
        )

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        OutputError
            When it exists already and `overwrite` is false, or cannot be written.
        """
        values = self.model_dump(mode="json")
        text = json.dumps(values, indent=self.indent, ensure_ascii=False) + "\n"
        with atomic_path(path, overwrite) as pending:
            pending.write_text(text, encoding="utf-8")
