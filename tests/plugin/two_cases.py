"""A worklist of two cases with two lesions each."""

from __future__ import annotations

from pathlib import Path

from anofpdm import Settings
from anofpdm.method.settings import AbsoluteThreshold
from anofpdm.results.folder import ANALYSIS_FOLDER
from anofpdm.results.settings_files import ModelIdentity, SettingsFile
from anofpdm.worklist.case_review import SETTINGS_FILE
from tests.core.segmentation_cases import analysis


def two_cases(root: Path) -> Path:
    """Store two analysed cases, "first" and "second", with settings that find two lesions."""
    made = analysis(second_lesion=True)
    settings = Settings(threshold=AbsoluteThreshold(value=0.001))
    for name in ("first", "second"):
        made.save(root / name / ANALYSIS_FOLDER)
        stored = SettingsFile(model=ModelIdentity.of(made.metadata), settings=settings)
        stored.write(root / name / SETTINGS_FILE)
    return root
