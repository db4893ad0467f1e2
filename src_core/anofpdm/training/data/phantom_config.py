"""Training slices drawn afresh from synthetic subjects, as validated data; needs no torch."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]


class PhantomDraws(BaseModel):
    """Synthetic subjects that replace a dataset's train split.

    Attributes
    ----------
    first, end : int
        Seeds of the subjects, `end` excluded; after the last the first comes again.
    subjects : int
        Subjects that are in memory at once.
    steps : int
        Steps after which the next subjects replace them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    first: Annotated[int, Field(ge=0)]
    end: Count
    subjects: Count = 500
    steps: Count = 1000

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end <= self.first:
            raise ValueError("phantoms.end must be larger than phantoms.first")
        return self
