"""Read back what `anofpdm evaluate` wrote."""

from __future__ import annotations

import json
import os
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from anofpdm.common.errors import DatasetError
from anofpdm.common.reading import file_bytes, reading
from anofpdm.common.validation import validated

_REMEDY = "choose the evaluation.json of anofpdm evaluate"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Score(_Part):
    """A score with its 95 % interval over patients; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class Groups(_Part):
    """Scores by name, of all slices or scans and of those with a lesion."""

    mixed: dict[str, Score]
    unhealthy: dict[str, Score]


class Lesions(_Part):
    """Scores of lesions as objects, without those by size."""

    sensitivity: Score
    precision: Score
    f1: Score
    false_positives_per_scan: Score


class MethodScores(_Part):
    """The scores of one way to make a mask."""

    slices: Groups
    volumes: Groups
    lesions: Lesions
    images: dict[str, Score]


class MapPrecision(_Part):
    """AUPRC in the brain, over all pixels together and as a mean over scans."""

    mixed: Score
    scan_mean: Score


class MapScores(_Part):
    """The scores of one map."""

    auprc_brain: MapPrecision


class SliceCounts(_Part):
    """Slices by label."""

    healthy: int
    unhealthy: int
    left_out: int


class Counts(_Part):
    """What was scored."""

    scans: int
    patients: int
    slices: SliceCounts


class ScoredModel(_Part):
    """The model that was scored."""

    name: str
    version: str
    hash: str


class Evaluation(_Part):
    """The part of `evaluation.json` that tables are made of.

    Attributes
    ----------
    scans : str
        What was scored, in words.
    model : ScoredModel
    counts : Counts
    methods : dict
        By name; the model's own settings stand first.
    maps : dict
        By name; the model's own map stands first.
    """

    scans: str
    model: ScoredModel
    counts: Counts
    methods: Annotated[dict[str, MethodScores], Field(min_length=1)]
    maps: Annotated[dict[str, MapScores], Field(min_length=1)]


def read_evaluation(path: str | os.PathLike[str]) -> Evaluation:
    """Read an `evaluation.json`.

    Raises
    ------
    DatasetError
        When the file is missing, damaged, or something else.
    """
    text = file_bytes(path, DatasetError, _REMEDY)
    with reading(path, DatasetError, _REMEDY):
        document = json.loads(text)
    return validated(Evaluation, document, raises=DatasetError, where=os.fspath(path))
