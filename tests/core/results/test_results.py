"""Results lie on the scan's own voxels, where the interpretation put them."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from matplotlib.image import imread

from anofpdm.common.errors import OutputError
from anofpdm.method.interpretation import Interpretation, interpret
from anofpdm.method.settings import AbsoluteThreshold, Settings
from anofpdm.results.files import write_results
from anofpdm.results.native import to_native
from anofpdm.results.pictures.choosing import figure_slices
from anofpdm.results.pictures.planes import displayed
from anofpdm.results.report import build_report
from tests.core.segmentation_cases import analysis, scan

SETTINGS = Settings(guidance=1.0, threshold=AbsoluteThreshold(value=0.001), median_kernel=1)


def one_pixel_block(settings: Settings = SETTINGS) -> Interpretation:
    """Mask and map of the made-up analysis, replaced by a known block on two slices."""
    found = interpret(analysis(), settings)
    mask = np.zeros_like(found.mask)
    mask[1:3, 6:10, 3:6] = True
    return replace(found, mask=mask, anomaly_map=mask.astype(np.float32))


def test_mask_lands_where_the_network_axes_point() -> None:
    stored, found = analysis(), one_pixel_block()
    native = to_native(stored, found)
    centre = np.argwhere(native.mask).mean(axis=0)
    place = scan().affine @ [*centre, 1.0]
    network = stored.geometry.network_affine @ [found.slice_ids[1:3].mean(), 7.5, 4.0, 1.0]
    np.testing.assert_allclose(place, network, atol=3.0)
    # Columns run toward the patient's left, so a low column lies to the right (x above 0).
    assert place[0] > stored.geometry.network_affine[0, 3] - 40


def test_small_volumes_are_removed_on_the_scan_grid() -> None:
    stored = analysis()
    native = to_native(stored, one_pixel_block())
    volume = native.mask.sum() * scan().voxel_volume_ml
    assert volume > 0
    for limit, kept in ((0.99 * volume, True), (1.01 * volume, False)):
        settings = SETTINGS.model_copy(update={"min_component_ml": limit})
        assert to_native(stored, one_pixel_block(settings)).mask.any() == kept


def test_written_files_carry_the_scan_geometry(tmp_path: Path) -> None:
    stored, found = analysis(), one_pixel_block()
    native = to_native(stored, found)
    report = build_report(stored, found, native, seconds=1.0)
    write_results(tmp_path, stored, found, native, report, truth=native.mask)
    mask, anomaly_map = (
        nib.Nifti1Image.from_filename(tmp_path / name)
        for name in ("mask.nii.gz", "anomaly_map.nii.gz")
    )
    assert mask.get_data_dtype() == np.uint8
    assert anomaly_map.get_data_dtype() == np.float32
    for image, data in ((mask, native.mask), (anomaly_map, native.anomaly_map)):
        np.testing.assert_array_equal(image.affine, scan().affine)
        np.testing.assert_array_equal(np.asarray(image.dataobj), data)
    assert json.loads((tmp_path / "report.json").read_text()) == report
    height, width, _ = imread(tmp_path / "report.png").shape
    assert width == 1400
    assert abs(height - 1608) <= 2  # matplotlib's versions differ by a pixel


def test_the_lesion_table_says_what_the_report_says(tmp_path: Path) -> None:
    stored, found = analysis(), one_pixel_block()
    native = to_native(stored, found)
    report = build_report(stored, found, native, seconds=1.0)
    write_results(tmp_path, stored, found, native, report, names=["lesions.csv"])
    assert [path.name for path in tmp_path.iterdir()] == ["lesions.csv"]
    with (tmp_path / "lesions.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    (lesion,) = report["lesions"]["components"]
    assert int(row["voxels"]) == native.mask.sum() == lesion["voxels"]
    assert float(row["volume_ml"]) == round(lesion["volume_ml"], 4)
    assert [int(row["first_slice"]), int(row["last_slice"])] == lesion["slices"]
    centre = [float(row[f"centre_{side}_mm"]) for side in ("right", "anterior", "superior")]
    assert centre == lesion["centre_mm"]


def test_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    stored, found = analysis(), one_pixel_block()
    native = to_native(stored, found)
    (tmp_path / "report.json").mkdir()
    with pytest.raises(OutputError, match="report cannot be written"):
        write_results(tmp_path, stored, found, native, {}, names=["report.json"])


def test_displayed_slice_has_front_up_and_right_on_the_left() -> None:
    canonical = np.zeros((3, 4, 1))
    canonical[2, 3, 0] = 1  # right, front
    assert displayed(canonical, 0)[0, 0] == 1


@pytest.mark.parametrize("total", [1, 5, 12, 13, 60, 155])
def test_chosen_slices_are_even_and_hold_the_largest_lesion(total: int) -> None:
    area = np.zeros(total)
    area[total // 3] = 50
    chosen = figure_slices(area, 12)
    assert len(chosen) == min(12, total)
    assert list(chosen) == sorted(set(chosen))
    assert total // 3 in chosen
    gaps = np.diff([-1, *chosen, total])
    assert gaps.max() <= max(1, 3 * total / 12)


def test_one_wide_lesion_does_not_fill_the_page() -> None:
    area = np.where(np.abs(np.arange(150) - 75) < 10, 100.0, 0.0)
    chosen = figure_slices(area, 12)
    assert (area[chosen] > 0).sum() <= 6
    assert chosen.min() < 30 and chosen.max() > 120
