"""Names of files that are no UTF-8 text are skipped and named; the other subjects are listed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.listing import list_cases


@pytest.mark.skipif(sys.platform != "linux", reason="names of other bytes are Linux's")
def test_a_name_that_is_not_utf8_is_skipped_and_named(tmp_path: Path) -> None:
    content = nib.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.diag([8, 8, 8, 1])).to_bytes()
    for name in (b"sub-01", b"sub-M\xfcller"):
        folder = os.path.join(os.fsencode(tmp_path), name, b"anat")  # noqa: PTH118 - bytes
        os.makedirs(folder)  # noqa: PTH103
        Path(os.fsdecode(os.path.join(folder, name + b"_FLAIR.nii"))).write_bytes(content)  # noqa: PTH118
    config = PrepareConfig(source=tmp_path, layout="bids", modalities=("flair",)).complete()
    first, second = list_cases(config).cases
    assert (first.subject, first.problem) == ("sub-01", "")
    assert second.subject == "sub-M\N{REPLACEMENT CHARACTER}ller"
    assert "is not UTF-8 text; rename it" in second.problem
