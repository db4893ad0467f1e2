"""The readers that are fed with damaged files, a module for each part of the program."""

from __future__ import annotations

from tests.fuzz.harness import Reader
from tests.fuzz.readers import dicom, model, scans

READERS: dict[str, Reader] = {
    reader.name: reader for reader in (*model.READERS, *scans.READERS, *dicom.READERS)
}
