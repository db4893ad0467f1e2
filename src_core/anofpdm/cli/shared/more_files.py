"""Files that `segment` and `interpret` write on request, beside the usual ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.inputs import ImageFile
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.common.errors import SettingsError
from anofpdm.results.folder import DICOM_NAMES, FUSED_MAP_FILE, NRRD_NAMES

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.results.dicom.files import DicomOutput
    from anofpdm.scans.volume import Volume


@dataclass(frozen=True)
class MoreFiles:
    """What a user asked for."""

    fused_map: opt.FusedMapOption = False
    nrrd: opt.NrrdOption = False
    deidentify: opt.DeidentifyOption = False

    def names(self, *, dicom: bool) -> tuple[str, ...]:
        """Return the names of these files."""
        return (
            *((FUSED_MAP_FILE,) if self.fused_map else ()),
            *(NRRD_NAMES if self.nrrd else ()),
            *(DICOM_NAMES if dicom else ()),
        )

    def check(self) -> None:
        """Check before the work starts that they can be written.

        Raises
        ------
        OutputError
            When a package is missing.
        """
        if self.nrrd:
            from anofpdm.results.nrrd import check_nrrd_output

            check_nrrd_output()

    def dicom_output(self, scan: Volume, *, asked: bool) -> DicomOutput | None:
        """Return where DICOM results of a scan belong; None if none were asked for.

        Parameters
        ----------
        scan : Volume
            On whose voxels the results lie.
        asked : bool

        Raises
        ------
        AnofpdmError
            When the scan came from no DICOM series, or highdicom is missing.
        """
        if not asked:
            self._refuse_deidentify("--dicom")
            return None
        from anofpdm.results.dicom.files import DicomOutput, check_dicom_output

        check_dicom_output()
        if scan.source is None:
            raise SettingsError(
                f"--dicom needs a scan that comes from DICOM, which {scan.name} does not; leave "
                "it out, or give the DICOM folder as --image."
            )
        return DicomOutput(scan.source.series, self.deidentify)

    def dicom_output_from(self, text: str | None, analysis: Analysis) -> DicomOutput | None:
        """Return where DICOM results of a stored analysis belong; None if no series was given.

        Parameters
        ----------
        text : str or None
            ``FOLDER`` or ``FOLDER#SERIES``.
        analysis : Analysis
            Whose voxels the series must have.

        Raises
        ------
        AnofpdmError
            When the series cannot be read or is another one, or highdicom is missing.
        """
        if text is None:
            self._refuse_deidentify("--dicom-source")
            return None
        from anofpdm.results.dicom.files import DicomOutput, check_dicom_output, check_is_source
        from anofpdm.scans.dicom.series import choose_series, find_series

        check_dicom_output()
        given = ImageFile.of(text)
        found = find_series(given.path)
        modality = next(iter(analysis.scored), None)
        series = choose_series(found, given.series, modality, given.path)
        check_is_source(series, analysis)
        return DicomOutput(series, self.deidentify)

    def _refuse_deidentify(self, option: str) -> None:
        if self.deidentify:
            raise SettingsError(
                f"--deidentify concerns DICOM results; add {option}, or leave it out."
            )


def with_more_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `files_asked`, the options of `MoreFiles`."""
    return with_shared_options(command, "files_asked", MoreFiles, lambda files, given: files)
