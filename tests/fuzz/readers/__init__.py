"""The readers to feed, by name."""

from __future__ import annotations

from tests.fuzz.harness import Reader
from tests.fuzz.readers import dicom, jobs, model, scans

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (*model.READERS, *scans.READERS, *dicom.READERS, *jobs.READERS)
}
