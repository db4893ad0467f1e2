"""Settings in a JSON file, with the model they belong to."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from anofpdm.analysis.metadata import AnalysisMetadata
from anofpdm.method.settings import Settings
from anofpdm.results.json_file import JsonFile


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


class SettingsFile(JsonFile):
    """The content of a settings file.

    Attributes
    ----------
    format_version : int
    model : ModelIdentity
        The model of the analysis that the settings were found on.
    settings : Settings
    """

    what: ClassVar = "settings file"
    again: ClassVar = "save the settings again"

    format_version: Literal[1] = 1
    model: ModelIdentity
    settings: Settings

    def doubt(self, metadata: AnalysisMetadata) -> str | None:
        """Return a sentence if the settings belong to another model."""
        model = ModelIdentity.of(metadata)
        if self.model.hash == model.hash:
            return None
        return (
            f"The settings were saved for the model {self.model}, but this analysis comes from "
            f"{model}: guidance, thresholds and gate may not fit."
        )
