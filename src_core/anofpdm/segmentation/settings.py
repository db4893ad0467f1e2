"""Everything besides scan and model that decides the results of a segmentation."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from anofpdm.common.errors import SettingsError
from anofpdm.method.calibration import TimestepGrid
from anofpdm.method.settings import Settings
from anofpdm.model.precision import Precision
from anofpdm.preprocessing.chain import ChainSettings
from anofpdm.results.folder import DICOM_NAMES, FUSED_MAP_FILE, NRRD_NAMES
from anofpdm.scans.files.header_form import Form

if TYPE_CHECKING:
    from anofpdm.model.bundle import ModelBundle
    from anofpdm.results.dicom.files import DicomOutput
    from anofpdm.scans.volume import Volume
    from anofpdm.segmentation.messages import Messages


@dataclass(frozen=True)
class ResultFiles:
    """Files that are written beside the usual ones, and what else results contain.

    Attributes
    ----------
    fused_map, nrrd : bool
    dicom : bool
        Mask, map and measurements as DICOM; the scan must come from DICOM.
    mixed : bool
        A scan that does not come from DICOM gets a warning in place of an error.
    deidentify : bool
        Without what names the patient in DICOM results.
    analysis : bool
        The stored analysis.
    regions : bool
        The region near each lesion.
    """

    fused_map: bool = False
    nrrd: bool = False
    dicom: bool = False
    mixed: bool = False
    deidentify: bool = False
    analysis: bool = False
    regions: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the files that `write_results` writes on request."""
        return (
            *((FUSED_MAP_FILE,) if self.fused_map else ()),
            *(NRRD_NAMES if self.nrrd else ()),
            *(DICOM_NAMES if self.dicom else ()),
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
        if self.dicom:
            from anofpdm.results.dicom.files import check_dicom_output

            check_dicom_output()

    def dicom_output(self, scan: Volume, messages: Messages) -> DicomOutput | None:
        """Return where DICOM results of a scan belong; None if none are written.

        Parameters
        ----------
        scan : Volume
            On whose voxels the results lie.
        messages : Messages
            Warned where scans are mixed and this one did not come from DICOM.

        Raises
        ------
        SettingsError
            When the scan came from no DICOM series, and scans are not mixed.
        """
        if not self.dicom:
            return None
        from anofpdm.results.dicom.files import DicomOutput

        if scan.source is None and self.mixed:
            messages.warn(f"{scan.name} does not come from DICOM; it has no DICOM results.")
            return None
        if scan.source is None:
            raise SettingsError(
                f"--dicom needs a scan that comes from DICOM, which {scan.name} does not; leave "
                "it out, or give the DICOM folder."
            )
        return DicomOutput(scan.source.series, self.deidentify)


@dataclass(frozen=True)
class SegmentationSettings:
    """How scans are segmented.

    Attributes
    ----------
    reading : Settings
        How the network's output is read.
    grid : TimestepGrid
        The noise levels.
    preparation : ChainSettings
        What is done to raw scans.
    form : {"sform", "qform"} or None
        Which form of a NIfTI header places the voxels.
    keep_paths : bool
        Whether reports name files with their folders.
    seed : int
        Seed of the noise.
    device, precision, batch_size
        Where and how the network runs; see `analyze`.
    files : ResultFiles
    """

    reading: Settings
    grid: TimestepGrid
    preparation: ChainSettings = field(default_factory=ChainSettings)
    form: Form | None = None
    keep_paths: bool = False
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    batch_size: int | None = None
    files: ResultFiles = field(default_factory=ResultFiles)

    def check(self, model: ModelBundle) -> None:
        """Check before the work starts that they fit a model and can be followed.

        Raises
        ------
        AnofpdmError
            When a setting does not fit the model, or a package is missing.
        """
        timesteps = model.timesteps(self.grid.steps, self.grid.t_max)
        self.reading.check_fit(timesteps, len(model.metadata.scored))
        self.reading.check_reference(model.metadata.scored)
        self.files.check()

    @property
    def decisive(self) -> dict[str, Any]:
        """What decides the content of the results, as JSON values.

        The size of a batch does not, and neither does the name of a device; the precision does.
        """
        values = asdict(self)
        for name in ("device", "batch_size"):
            del values[name]
        return {**values, "reading": self.reading.model_dump(mode="json")}
