"""Settings in a JSON file, with the model they belong to."""

from __future__ import annotations

import json
import os
from typing import Literal

from pydantic import BaseModel, ConfigDict

from anofpdm.analysis.metadata import AnalysisMetadata
from anofpdm.common.atomic import atomic_path
from anofpdm.common.errors import SettingsError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import file_bytes
from anofpdm.common.validation import parsed
from anofpdm.method.settings import Settings

FORMAT_VERSION = 1


class ModelIdentity(BaseModel):
    """Identity of the model that settings belong to.

    Attributes
    ----------
    name, version : str
        As the bundle's metadata give them.
    hash : str
        `ModelBundle.hash`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    version: str
    hash: str

    @classmethod
    def of(cls, metadata: AnalysisMetadata) -> ModelIdentity:
        """Name the model of an analysis."""
        bundle = metadata.bundle
        return cls(name=bundle.name, version=bundle.version, hash=metadata.bundle_hash)

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.hash[:12]})"


class SettingsFile(BaseModel):
    """The content of a settings file.

    Attributes
    ----------
    format_version : int
    model : ModelIdentity
        The model of the analysis that the settings were found on.
    settings : Settings
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format_version: Literal[1] = 1
    model: ModelIdentity
    settings: Settings

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> SettingsFile:
        """Read and check a settings file.

        Raises
        ------
        SettingsError
            When the file is missing, is no settings file, is of another format version, or holds a
            value out of its range.
        """
        if (fault := missing_content(path)) is not None:
            raise SettingsError(fault)
        text = file_bytes(path, SettingsError, "choose another settings file")
        return parsed(
            cls,
            text,
            str(path),
            version=FORMAT_VERSION,
            what="an AnoFPDM settings file",
            remedy="save the settings again",
            raises=SettingsError,
        )

    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the file, whole or not at all.

        Raises
        ------
        OutputError
            When it exists already and `overwrite` is false, or cannot be written.
        """
        text = json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
        with atomic_path(path, overwrite) as pending:
            pending.write_text(text, encoding="utf-8")

    def doubt(self, metadata: AnalysisMetadata) -> str | None:
        """Return a sentence if the settings belong to another model."""
        model = ModelIdentity.of(metadata)
        if self.model.hash == model.hash:
            return None
        return (
            f"The settings were saved for the model {self.model}, but this analysis comes from "
            f"{model}: guidance, thresholds and gate may not fit."
        )
