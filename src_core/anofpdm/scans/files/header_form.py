"""`Form`: the two ways in which a NIfTI header places its voxels."""

from typing import Literal

Form = Literal["sform", "qform"]
"""A matrix, or a rotation with voxel sizes and an origin."""
