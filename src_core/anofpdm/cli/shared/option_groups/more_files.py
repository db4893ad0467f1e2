"""Files that `segment` and `interpret` write on request, beside the usual ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.option_sets import with_shared_options
from anofpdm.common.errors import SettingsError
from anofpdm.segmentation.image_file import ImageFile

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.results.dicom.files import DicomOutput
    from anofpdm.segmentation.settings import ResultFiles


@dataclass(frozen=True)
class MoreFiles:
    """What a user asked for."""

    fused_map: opt.FusedMapOption = False
    nrrd: opt.NrrdOption = False
    deidentify: opt.DeidentifyOption = False

    def beside(
        self, *, dicom: bool, mixed: bool = False, analysis: bool = False, regions: bool = False
    ) -> ResultFiles:
        """Return what is written beside the usual files; see `ResultFiles`.

        Raises
        ------
        SettingsError
            When DICOM results are to be de-identified, and none are written.
        """
        if self.deidentify and not dicom:
            self._refuse_deidentify("--dicom")
        from anofpdm.segmentation.settings import ResultFiles

        return ResultFiles(
            fused_map=self.fused_map,
            nrrd=self.nrrd,
            dicom=dicom,
            mixed=mixed,
            deidentify=self.deidentify,
            analysis=analysis,
            regions=regions,
        )

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
            if self.deidentify:
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

    def _refuse_deidentify(self, option: str) -> NoReturn:
        raise SettingsError(f"--deidentify concerns DICOM results; add {option}, or leave it out.")


def with_more_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its keyword `files_asked`, the options of `MoreFiles`."""
    return with_shared_options(command, "files_asked", MoreFiles, lambda files, given: files)
