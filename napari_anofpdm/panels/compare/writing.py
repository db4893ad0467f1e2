"""Write a comparison to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anofpdm.results.folder import present_results, result_folder

if TYPE_CHECKING:
    from anofpdm.results.follow_up.comparison import FollowUp


def present_files(found: FollowUp, folder: Path) -> list[str]:
    """Return the files in a folder that writing a comparison there would replace."""
    return present_results(folder, _names(found))


def write_comparison(found: FollowUp, folder: Path, *, overwrite: bool) -> Path:
    """Write the files of `anofpdm follow-up`, all or none; return the folder.

    Raises
    ------
    OutputError
        If the folder is not writable, or holds such files and `overwrite` is false.
    """
    from anofpdm.results.follow_up.files import write_follow_up

    with result_folder(folder, overwrite=overwrite, names=_names(found)) as staging:
        write_follow_up(staging, found)
    return folder


def _names(found: FollowUp) -> tuple[str, ...]:
    from anofpdm.results.follow_up.files import file_names

    return file_names(found.report["modalities"])
