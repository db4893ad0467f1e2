"""The work on one scan, as a value that can be sent to the process that does it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from anofpdm.cohorts.inputs import content_of, stamp_of
from anofpdm.cohorts.naming import Naming
from anofpdm.cohorts.record import InputFile, ScanRecord
from anofpdm.cohorts.scan import CohortScan, Outcome
from anofpdm.cohorts.table import row_of
from anofpdm.common.errors import (
    AnofpdmError,
    BundleError,
    GeometryError,
    SettingsError,
    VolumeError,
)
from anofpdm.common.executors.company import Company
from anofpdm.common.executors.tries import MOST_TRIES, Tries
from anofpdm.model.bundle import load_bundle
from anofpdm.results.folder import result_folder
from anofpdm.segmentation.loaded_model import LoadedModel, slices_to_share
from anofpdm.segmentation.messages import KeptMessages
from anofpdm.segmentation.settings import SegmentationSettings

_OF_THE_SCAN = (VolumeError, GeometryError, SettingsError, BundleError)
"""What another try would raise again."""

_one_at_a_time = threading.Lock()
_company = Company()
_loading = threading.Lock()
_kept: dict[tuple[object, ...], LoadedModel] = {}


@dataclass(frozen=True)
class SegmentWork:
    """Segments a scan into its folder.

    Attributes
    ----------
    root : Path
        The output folder.
    naming : Naming
    bundle : str
        Name or path of the model.
    bundle_hash : str
        The model must still be this one.
    settings : SegmentationSettings
    key : str
        Hash of model, settings and program; see `anofpdm.cohorts.plan.key_of`.
    tries : Path
        Folder of the notes of scans at work.
    retries : int
        Further tries after a failure that may pass, such as a full disk.
    """

    root: Path
    naming: Naming
    bundle: str
    bundle_hash: str
    settings: SegmentationSettings
    key: str
    tries: Path
    retries: int = 1

    def __call__(self, scan: CohortScan) -> Outcome:
        """Segment one scan; any failure is its outcome."""
        started = time.perf_counter()
        outcome = self._outcome(scan)
        reason = outcome.reason
        if not self.settings.keep_paths:
            reason = scan.without_folders(reason)
        return replace(outcome, reason=reason, seconds=time.perf_counter() - started)

    def _outcome(self, scan: CohortScan) -> Outcome:
        tries = Tries(self.tries)
        killed = tries.count(scan.name)
        if killed >= MOST_TRIES:
            return Outcome(scan.name, "failed", reason=set_aside(killed), tries=killed)
        number, reason = 0, ""
        try:
            # What killed a process takes no other scan with it when it is tried again.
            with _company.entered(alone=killed > 0), tries.one_more(scan.name):
                for number in range(1, self.retries + 2):
                    try:
                        return self._segment(scan)
                    except _OF_THE_SCAN as error:
                        return Outcome(scan.name, "failed", reason=str(error), tries=number)
                    except (AnofpdmError, OSError, MemoryError) as error:
                        reason = _sentence(error)
        except AnofpdmError as error:  # not even a note could be written
            reason = str(error)
        except Exception as error:
            # A scan that trips the code is one bad scan; the others need not wait for a remedy.
            reason = f"{type(error).__name__}: {error}"
        return Outcome(scan.name, "failed", reason=reason, tries=number)

    def _segment(self, scan: CohortScan) -> Outcome:
        folder = self.root / self.naming.folder(scan.name)
        place = folder / self.naming.record(scan.name)
        stamps = {role: stamp_of(file) for role, file in scan.files.items()}
        contents = {role: content_of(file) for role, file in scan.files.items()}
        inputs = {
            role: InputFile(stamp=stamps[role], content=contents[role]) for role in scan.files
        }
        earlier = ScanRecord.read(place)
        if earlier and earlier.key == self.key and earlier.has_contents(contents):
            with result_folder(folder, overwrite=True, names=(place.name,)) as staging:
                earlier.model_copy(update={"inputs": inputs}).write(staging / place.name)
            return Outcome(scan.name, "kept", earlier.row)
        # Here, because they import torch: a process that only plans the work starts without it.
        from anofpdm.cohorts.thumbnail import save_thumbnail
        from anofpdm.segmentation.segment import ScanFiles, logged_to, segment_files

        model = _model(self.bundle, self.bundle_hash, self.settings)
        # On a GPU the scans at hand share calls of the network.
        at_network = _alone_at_the_network if model.shared_slices is None else _with_others
        messages = KeptMessages()
        names = self.naming.results(scan.name)
        with result_folder(folder, overwrite=True, names=names) as staging, logged_to(messages):
            files = ScanFiles(scan.images, scan.brain_mask)
            found = segment_files(
                files, model, self.settings, staging, messages, progress=at_network
            )
            save_thumbnail(staging / self.naming.thumbnail(scan.name), found)
            self.naming.arrange(staging, scan, found)
            row = row_of(scan, found.report)
            record = ScanRecord(scan=scan.name, key=self.key, inputs=inputs, row=row)
            record.write(staging / place.name)
            if {role: stamp_of(file) for role, file in scan.files.items()} != stamps:
                raise VolumeError(f"The files of {scan.name} changed while they were read.")
        return Outcome(scan.name, "done", row)


def set_aside(killed: int) -> str:
    """Say that a scan is not tried again."""
    return (
        f"The process that segmented it was killed {killed} times, perhaps for lack of memory; "
        "check the scan, or run again with --retry-killed and fewer --workers."
    )


def _sentence(error: Exception) -> str:
    if isinstance(error, AnofpdmError):
        return str(error)
    if isinstance(error, MemoryError):
        return "The memory did not suffice for this scan; use fewer --workers."
    return f"{getattr(error, 'filename', None) or 'A file'}: {error}"


def _model(bundle: str, wanted: str, settings: SegmentationSettings) -> LoadedModel:
    """Return the model of this process, loaded at the first scan.

    Raises
    ------
    BundleError
        When it is no longer the one that the run began with.
    """
    key = (bundle, wanted, settings.device, settings.batch_size)
    with _loading:
        if key not in _kept:
            model = load_bundle(bundle)
            if model.hash != wanted:
                raise BundleError(
                    f"The model {bundle} changed while the cohort was segmented; run the command "
                    "again."
                )
            _kept.clear()
            slices = slices_to_share(model, settings.device, settings.batch_size)
            _kept[key] = LoadedModel.of(model, shared_slices=slices)
        return _kept[key]


@contextmanager
def _alone_at_the_network() -> Iterator[None]:
    """Let one scan of this process compute while others are read and written."""
    with _one_at_a_time:
        yield None


def _with_others() -> AbstractContextManager[None]:
    return nullcontext()
