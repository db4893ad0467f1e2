"""The suffixes of readable scan files."""

from __future__ import annotations

NIFTI_SUFFIXES = (".nii", ".nii.gz")
PAIR_SUFFIXES = (".hdr", ".img")
FREESURFER_SUFFIXES = (".mgz", ".mgh", ".mgh.gz")
NRRD_SUFFIXES = (".nrrd", ".nhdr")
META_IMAGE_SUFFIXES = (".mha", ".mhd")
SUFFIXES = (
    *NIFTI_SUFFIXES,
    *(pair + packed for pair in PAIR_SUFFIXES for packed in ("", ".gz")),
    *FREESURFER_SUFFIXES,
    *NRRD_SUFFIXES,
    *META_IMAGE_SUFFIXES,
)
"""Suffixes of all readable files, in lower case."""


def stem_of(name: str) -> str:
    """Return a file name without its suffix; a name that is only a suffix stays.

    Parameters
    ----------
    name : str
        Without folders, such as "p01.nii.gz".
    """
    suffix = max((s for s in SUFFIXES if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(suffix)] or name
