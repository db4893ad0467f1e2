"""Everything that decides a prepared dataset, as one validated value."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.labels.rule import LESION_MM2
from anofpdm.datasets.layouts import Layout, default_modalities, default_scored
from anofpdm.datasets.preparation.subject import AS_THEY_ARE, Recipe
from anofpdm.datasets.split import Shares
from anofpdm.datasets.store.attributes import Split
from anofpdm.preprocessing.chain import ChainSettings
from anofpdm.scans.files.header_form import Form
from anofpdm.scans.preprocessing_config import PreprocessingConfig

EXTENT_MM = 208.0
"""Side of the field of view by default: an extracted adult brain and a margin."""

_ROUNDED = 2e-3
"""By how much shares may miss their sum, as thirds do that are rounded: 33.3, 33.3 and 33.3."""


class PrepareConfig(BaseModel):
    """From which scans a dataset is made, and how.

    Attributes
    ----------
    source : Path
        A folder, or the CSV file of the layout "table".
    layout : {"brats", "atlas", "bids", "table"}
        How the source is arranged.
    modalities : tuple of str, optional
        Channels in order; the layout's own by default.
    scored : tuple of str, optional
        Those of them that the anomaly map is read from; the layout's own by default.
    preprocessing : PreprocessingConfig
        Grid, field of view and scaling. Its `spacing_range_mm` is found from the scans.
    lesion_mm2 : float
        Lesion area in a slice from which a mask makes it unhealthy; 0 takes any.
    labels : Path, optional
        CSV with `subject`, `label`, `unhealthy_slices`; goes before masks.
    shares : tuple of float
        Of the splits train, val and test; they add up to 100 or to 1.
    seed : int
        Of the split.
    splits : Path, optional
        CSV with `patient` or `subject`, and `split`, in place of the shares.
    match : dict of str to str
        BIDS entities that a scan's name must have; "" for none of that entity.
    form : {"sform", "qform"}, optional
        Which form of a NIfTI header places the voxels; see `read_volume`.
    keep_paths : bool
        Whether warnings and reasons name files with their folders.
    chain : ChainSettings
        How raw scans are prepared; by default they are taken as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    source: Path
    layout: Layout
    modalities: tuple[str, ...] = ()
    scored: tuple[str, ...] = ()
    preprocessing: PreprocessingConfig = PreprocessingConfig(size=128, extent_mm=EXTENT_MM)
    lesion_mm2: Annotated[float, Field(ge=0)] = LESION_MM2
    labels: Path | None = None
    shares: Shares = (75.0, 5.0, 20.0)
    seed: Annotated[int, Field(ge=0)] = 0
    splits: Path | None = None
    match: dict[str, str] = Field(default_factory=dict)
    form: Form | None = None
    keep_paths: bool = False
    chain: ChainSettings = AS_THEY_ARE

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if min(self.shares) < 0 or self.shares[0] <= 0:
            raise ValueError("the shares must be 0 or more, and the share of train above 0")
        if not any(math.isclose(sum(self.shares), whole, rel_tol=_ROUNDED) for whole in (1, 100)):
            raise ValueError(_wrong_sum(self.shares))
        if self.match and self.layout not in ("atlas", "bids"):
            raise ValueError("match is only for the layouts bids and atlas")
        if self.chain.skull != "keep" and not self.preprocessing.brain_extracted:
            raise ValueError("a model of scans with the skull (--with-skull) needs --skull keep")
        if repeated := {m for m in self.modalities if self.modalities.count(m) > 1}:
            raise ValueError(f"the modality {min(repeated)} is given twice")
        return self

    def complete(self) -> Self:
        """Return a copy whose modalities are named.

        Raises
        ------
        DatasetError
            When the layout has none of its own, a table cannot be read, or a scored modality is
            not among them.
        """
        modalities = self.modalities or default_modalities(self.source, self.layout)
        scored = self.scored or default_scored(self.layout, modalities)
        if strange := [modality for modality in scored if modality not in modalities]:
            raise DatasetError(
                f"The scored modality {strange[0]} is not among the model's modalities "
                f"({', '.join(modalities)}); add it with --modality."
            )
        # A model scores its modalities in their order, each once.
        ordered = tuple(modality for modality in modalities if modality in scored)
        return self.model_copy(update={"modalities": modalities, "scored": ordered})

    @property
    def recipe(self) -> Recipe:
        """The settings that determine how one case becomes slices."""
        return Recipe(
            self.modalities,
            self.preprocessing,
            self.lesion_mm2,
            self.form,
            self.keep_paths,
            self.chain,
        )

    @property
    def share_of(self) -> dict[Split, float]:
        """Share of each split."""
        return dict(zip(get_args(Split), self.shares, strict=True))


def _wrong_sum(shares: Shares) -> str:
    total = sum(shares)
    # Rounded so that what is proposed adds up: test takes the rest.
    train, val = (round(100 * share / total, 1) for share in shares[:2])
    meant = ",".join(f"{share:g}" for share in (train, val, round(100 - train - val, 1)))
    return (
        f"The shares of train, val and test (--split) are {','.join(f'{s:g}' for s in shares)}, "
        f"which add up to {total:g}; they must add up to 100 or to 1: for these proportions write "
        f"{meant}"
    )
