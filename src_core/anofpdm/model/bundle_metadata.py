"""The validated description of a model: what a bundle's metadata.json holds."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from anofpdm.common.errors import BundleError
from anofpdm.common.validation import parsed
from anofpdm.method.calibration import Calibration
from anofpdm.method.schedule import NoiseSchedule
from anofpdm.model.unet_config import UNetConfig
from anofpdm.scans.preprocessing_config import PreprocessingConfig

FORMAT_VERSION = 1

Text = Annotated[str, Field(min_length=1)]


class BundleMetadata(BaseModel):
    """Everything that a model's weights need beside them.

    Keys follow the MONAI bundle's metadata where it has one (version, description, authors,
    copyright, intended_use, references, data_source, eval_metrics). Unknown keys are refused, so
    that a misspelt one cannot pass for a default.

    Parameters
    ----------
    name, version, description : str
        What the model is called, its own version, and one or two sentences on it.
    network : UNetConfig
        Architecture; its in-channels and image size must match `modalities` and `preprocessing`.
    schedule : NoiseSchedule
        Noise schedule of the training.
    modalities : tuple of str
        Modalities in the order of the network's channels, lower case.
    scored : tuple of str
        Those whose anomaly maps are read, a subset of `modalities` in its order.
    preprocessing : PreprocessingConfig
        Grid, field of view, intensity scaling and directions that the weights were trained with.
    max_timestep : int or None
        Largest t that the weights were trained on; None: all of the schedule.
    calibration : Calibration or None
        Guidance, Cos* and M_max; None means a manual threshold and no gate.
    training : dict
        Provenance of the weights: data, steps, hardware, seeds.
    weights_sha256 : str
        Hash of weights.safetensors, filled in when the weights are serialised.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Text
    description: Text
    authors: str = ""
    intended_use: str = ""
    data_source: str = ""
    licence: str = ""
    copyright: str = ""
    references: tuple[str, ...] = ()
    eval_metrics: dict[str, JsonValue] = Field(default_factory=dict)
    network: UNetConfig
    schedule: NoiseSchedule
    modalities: Annotated[tuple[Text, ...], Field(min_length=1)]
    scored: Annotated[tuple[Text, ...], Field(min_length=1)]
    preprocessing: PreprocessingConfig
    max_timestep: Annotated[int, Field(ge=1)] | None = None
    calibration: Calibration | None = None
    training: dict[str, JsonValue] = Field(default_factory=dict)
    weights_sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""

    @field_validator("schedule", mode="before")
    @classmethod
    def _exact_schedule(cls, value: object) -> object:
        # A dataclass has defaults for its fields and would let a missing or misspelt key pass.
        keys = {"num_steps", "beta_start", "beta_end"}
        if isinstance(value, dict) and set(value) != keys:
            raise ValueError(f"needs exactly the keys {', '.join(sorted(keys))}")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(set(self.modalities)) != len(self.modalities):
            raise ValueError(f"modalities {self.modalities} contain one twice")
        if self.scored != tuple(m for m in self.modalities if m in self.scored):
            raise ValueError(
                f"scored {self.scored} must be some of the modalities {self.modalities}, in order"
            )
        if self.network.in_channels != len(self.modalities):
            raise ValueError(
                f"network.in_channels is {self.network.in_channels} for {len(self.modalities)} "
                "modalities"
            )
        if self.network.image_size != self.preprocessing.size:
            raise ValueError(
                f"network.image_size {self.network.image_size} differs from preprocessing.size "
                f"{self.preprocessing.size}"
            )
        if self.calibration is not None:
            _check_calibration(self.calibration, self)
        return self

    @classmethod
    def parse(cls, text: str | bytes, source: str) -> Self:
        """Read metadata from JSON.

        Parameters
        ----------
        text : str or bytes
            The JSON document (UTF-8).
        source : str
            What to call it in errors: the path of the file.

        Raises
        ------
        BundleError
            When it is no JSON object, of another format version, lacks a key, has an unknown one
            or a value out of range.
        """
        return parsed(
            cls,
            text,
            source,
            version=FORMAT_VERSION,
            what="a bundle description",
            remedy="create the bundle again",
            raises=BundleError,
        )

    def to_json(self) -> str:
        """Return the metadata as indented JSON, as metadata.json holds it."""
        return json.dumps(self._document(), indent=2, ensure_ascii=False) + "\n"

    @property
    def fingerprint(self) -> str:
        """sha256 over the metadata in canonical JSON, and so over the weights by their own hash."""
        text = json.dumps(self._document(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def _document(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def _check_calibration(calibration: Calibration, metadata: BundleMetadata) -> None:
    if len(calibration.max_divergence) != len(metadata.scored):
        raise ValueError(
            f"calibration.max_divergence has {len(calibration.max_divergence)} values for "
            f"{len(metadata.scored)} scored modalities"
        )
    last = metadata.max_timestep or metadata.schedule.num_steps
    if calibration.t_max > last:
        raise ValueError(
            f"calibration.t_max {calibration.t_max} exceeds the last trained timestep, {last}"
        )
