from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from anofpdm.scans.volume import read_volume
from napari_anofpdm.panels.export.source_series import source_series
from tests.core.dicom_cases import write_series


def test_a_registered_scan_is_exported_on_the_series_that_it_was_registered_onto(
    tmp_path: Path,
) -> None:
    write_series(tmp_path / "t1", number=4)
    write_series(tmp_path / "flair", number=5, origin=(-31.0, -40.0, -20.0))
    moved, fixed = read_volume(tmp_path / "t1"), read_volume(tmp_path / "flair")
    layers: Any = [SimpleNamespace(metadata={"volume": each}) for each in (moved, fixed)]
    assert moved.source is not None and fixed.source is not None
    read = [SimpleNamespace(sha256=each.sha256) for each in (moved.source, fixed.source)]

    def of(*sources: Any) -> Any:
        metadata = SimpleNamespace(sources=sources)
        geometry = SimpleNamespace(shape=fixed.shape, affine=fixed.affine)
        return SimpleNamespace(metadata=metadata, geometry=geometry)

    assert source_series(of(*read), layers) is fixed.source.series
    assert source_series(of(read[0]), layers) is None  # its own voxels lie elsewhere
    assert source_series(of(), layers) is source_series(None, layers) is None
