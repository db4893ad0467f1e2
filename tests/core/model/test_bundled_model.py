"""The bundled model `flair-synth`, end to end: unseen synthetic subjects and real scans."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from typer.testing import CliRunner

from anofpdm.analysis.engine import analyze
from anofpdm.cli.app import app
from anofpdm.method.interpretation import interpret
from anofpdm.model.bundle import load_bundle
from anofpdm.model.registry import list_bundles
from anofpdm.results.metrics import auprc
from anofpdm.synthetic import make_phantom

MIB = 2**20


def test_the_bundle_is_listed_sound_small_and_calibrated() -> None:
    assert "flair-synth" in {entry.name for entry in list_bundles() if entry.fault is None}
    model = load_bundle("flair-synth")
    assert model.metadata.modalities == ("flair",)
    assert len(model.weights) < 16 * MIB
    assert model.metadata.calibration is not None
    assert "Research" in model.metadata.intended_use
    model.network()


@pytest.mark.nightly
def test_an_unseen_lesion_is_found() -> None:
    """A smoke test on a subject that the model finds, not a score: it misses others."""
    phantom = make_phantom(500_000, healthy=False, spacing=(1.6, 1.6, 6.0))
    every_other = range(4, 22, 2)
    analysis = analyze(phantom.volumes, "flair-synth", slices=every_other)
    result = interpret(analysis, analysis.default_settings())
    truth = analysis.geometry.orientation.to_canonical(phantom.lesion.data.astype(np.float32))
    truth = analysis.geometry.to_network(truth)[analysis.slice_ids] >= 0.5
    brain = analysis.foreground
    found = auprc(result.anomaly_map[brain], truth[brain])
    assert found > 0.6
    assert found > 5 * truth[brain].mean()
    assert (result.mask & truth).sum() > 0.4 * truth.sum()


@pytest.mark.parametrize(
    ("scan", "has_skull"),
    [
        pytest.param("ms/patient19/flair.nii.gz", False, marks=pytest.mark.nightly),
        pytest.param("stroke/flair_5mm_oblique.nii.gz", False, marks=pytest.mark.nightly),
        pytest.param("odd/flair_oblique_19deg.nii.gz", False, marks=pytest.mark.nightly),
        pytest.param("ms_raw/flair_oblique_skull.nii.gz", True, marks=pytest.mark.nightly),
    ],
)
def test_real_scans_come_back_on_their_own_grid(
    real_scans: Path, tmp_path: Path, scan: str, has_skull: bool
) -> None:
    source, out = real_scans / scan, tmp_path / "out"
    arguments = ["segment", "--image", f"flair={source}", "--out", str(out), "--json", "--quiet"]
    result = CliRunner().invoke(app, [*arguments, "--steps", "2", "--t-max", "200", "--no-gate"])
    assert result.exit_code == 0, result.stderr
    report = json.loads((out / "report.json").read_text())
    assert (out / "report.png").stat().st_size > 10_000
    extracted = "brain_extraction" in (report["preparation"] or {})
    warned = any("skull" in warning for warning in report["warnings"])
    # Without the tool that extracts brains, the warning stays.
    assert (extracted or warned) == has_skull
    assert not (extracted and warned)
    assert (out / "brain_mask.nii.gz").is_file() == extracted
    original = sitk.ReadImage(str(source))
    for name in ("mask.nii.gz", "anomaly_map.nii.gz"):
        image = sitk.ReadImage(str(out / name))
        assert image.GetSize() == original.GetSize()
        assert np.allclose(image.GetOrigin(), original.GetOrigin(), atol=1e-4)
        assert np.allclose(image.GetSpacing(), original.GetSpacing(), atol=1e-5)
        assert np.allclose(image.GetDirection(), original.GetDirection(), atol=1e-5)
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(out / "mask.nii.gz"))))) <= {
        0,
        1,
    }
