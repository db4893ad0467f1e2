"""What a slice dataset says of itself, as one validated value."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Split = Literal["train", "val", "test"]


class DatasetAttributes(BaseModel):
    """Attributes of the dataset's root group; other ones are not read.

    Attributes
    ----------
    modalities, scored : tuple of str
        Names of the channels, and of those that the anomaly map is made of.
    preprocessing, provenance : dict
        JSON values.
    fingerprint : str
        SHA-256 over images and labels.
    slices : int
        Number of slices.
    subjects : tuple of str
        Their names.
    subject_splits : tuple of str
        The split of each.
    has_truth : bool
        Whether pixel masks of any subject are stored.
    subject_has_truth : tuple of bool
        Of each subject; where it is not given, `has_truth` is for all.
    twins : dict of str to str
        Subjects that are another's brain without its lesions: their name to that other's.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    modalities: Annotated[tuple[str, ...], Field(min_length=1)]
    scored: Annotated[tuple[str, ...], Field(min_length=1)]
    preprocessing: dict[str, Any]
    provenance: dict[str, Any]
    fingerprint: str
    slices: Annotated[int, Field(ge=1)]
    subjects: Annotated[tuple[str, ...], Field(min_length=1)]
    subject_splits: tuple[Split, ...]
    has_truth: bool
    subject_has_truth: tuple[bool, ...] = ()
    twins: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        named, count = set(self.subjects), len(self.subjects)
        if len(named) != count or len(self.subject_splits) != count:
            raise ValueError(
                f"{count} subjects have {len(named)} names and {len(self.subject_splits)} splits"
            )
        if len(self.subject_has_truth) not in (0, count):
            raise ValueError(f"subject_has_truth lists {len(self.subject_has_truth)} of {count}")
        if not set(self.scored) <= set(self.modalities):
            raise ValueError("a scored modality is not among the modalities")
        if not {*self.twins, *self.twins.values()} <= named:
            raise ValueError("a twin is not among the subjects")
        return self
