"""HD-BET, the user's own program (version 2).

F. Isensee et al., "Automated brain extraction of multisequence MRI using artificial neural
networks", Human Brain Mapping 40 (2019) 4952-4964.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anofpdm.preprocessing.skull.program import Program
from anofpdm.preprocessing.skull.tool import ShouldCancel
from anofpdm.scans.volume import Volume

_PROGRAM = Program(
    name="HD-BET",
    command="hd-bet",
    arguments=(
        "-i", "{scan}", "-o", "{folder}/brain.nii.gz",
        "-device", "cpu", "--disable_tta", "--save_bet_mask",
    ),
    mask="brain_bet.nii.gz",
    install="install it with pip install hd-bet",
)  # fmt: skip


def find_brain(volume: Volume, cancelled: ShouldCancel) -> tuple[NDArray[np.bool_], str]:
    """Return the brain on the scan's voxels, and the version of HD-BET."""
    return _PROGRAM.find_brain(volume, cancelled)
