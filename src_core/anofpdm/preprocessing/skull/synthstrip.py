"""SynthStrip, a program of FreeSurfer that the user has installed.

A. Hoopes et al., "SynthStrip: skull-stripping for any brain image", NeuroImage 260 (2022) 119474.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from anofpdm.preprocessing.skull.program import Program
from anofpdm.preprocessing.skull.tool import ShouldCancel
from anofpdm.scans.volume import Volume

_PROGRAM = Program(
    name="SynthStrip",
    command="mri_synthstrip",
    arguments=("-i", "{scan}", "-m", "{folder}/mask.nii.gz"),
    mask="mask.nii.gz",
    install="install FreeSurfer 7.3 or newer",
)


def find_brain(volume: Volume, cancelled: ShouldCancel) -> tuple[NDArray[np.bool_], str]:
    """Return the brain on the scan's voxels, and the version of SynthStrip."""
    return _PROGRAM.find_brain(volume, cancelled)
