"""Registration finds how a scan was moved, and notices when there is nothing to find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import Cancelled, GeometryError
from anofpdm.preprocessing.bias_field import correct_bias_field
from anofpdm.preprocessing.chain import ChainSettings, prepare_scans
from anofpdm.preprocessing.itk import array_of, itk_image
from anofpdm.preprocessing.registration import register
from anofpdm.preprocessing.similarity import compare
from anofpdm.scans.volume import Volume
from tests.core.preprocessing.heads import brain

pytest.importorskip("SimpleITK")


def motion(degrees: float, *shift: float) -> NDArray[np.float64]:
    turned = np.deg2rad(degrees)
    moved = np.eye(4)
    moved[:2, :2] = [[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]]
    moved[:3, 3] = shift
    return moved


def moved_brain(by: NDArray[np.float64]) -> Volume:
    """The brain with another contrast, stored along other axes, its header moved."""
    volume, inside = brain()
    data = np.where(inside, 120 - volume.data, 0).astype(np.float32)[::-1].transpose(2, 0, 1)
    turn = np.zeros((4, 4))
    turn[0, 1], turn[1, 2], turn[2, 0], turn[3, 3] = -1, 1, 1, 1
    turn[0, 3] = volume.shape[0] - 1
    return Volume(data, by @ volume.affine @ turn, "t2")


def test_an_image_keeps_its_place() -> None:
    volume = moved_brain(motion(20, 3, -4, 5))
    image = itk_image(volume)
    x, y, z = image.TransformIndexToPhysicalPoint((3, 5, 7))
    np.testing.assert_allclose((volume.affine @ [3, 5, 7, 1])[:3], (-x, -y, z), atol=1e-4)
    np.testing.assert_array_equal(array_of(image), np.maximum(volume.data, 0))


def test_a_known_motion_is_found() -> None:
    by = motion(8, 6, -9, 7)
    found = register(brain()[0], moved_brain(by))
    corners = np.array([[60, 0, 0, 1], [0, -70, 0, 1], [0, 0, 60, 1], [-60, 40, -40, 1]]).T
    apart = np.linalg.norm(((found.to_moving - by) @ corners)[:3], axis=0)
    assert apart.max() < 0.5  # a sixth of a voxel
    assert found.similarity.passed and found.warning is None
    assert found.volume.shape == brain()[0].shape
    assert found.record["largest_shift_mm"] == pytest.approx(found.shift_mm, abs=0.01)


def test_scans_that_do_not_fit_are_noticed() -> None:
    volume, inside = brain()
    assert compare(volume.data, 120 - volume.data, inside).passed
    assert not compare(volume.data, np.roll(volume.data, 9, axis=1), inside).passed
    noise = np.random.default_rng(0).normal(100, 10, volume.shape)
    assert not compare(volume.data, noise, inside).passed


def test_a_failed_registration_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    volume, _ = brain()
    noise = np.random.default_rng(0).normal(100, 10, volume.shape).astype(np.float32)
    other = Volume(noise, motion(0, 30, 0, 0) @ volume.affine, "t2")
    monkeypatch.setattr(
        "anofpdm.preprocessing.registration.fit", lambda *_, **__: motion(0, 0, 0, 0)
    )
    said: list[str] = []
    settings = ChainSettings(skull="keep")
    made = prepare_scans({"t1": volume, "t2": other}, settings, warn=said.append)
    assert len(said) == 1 and "failed" in said[0]
    assert made.record["registration"][0]["passed"] is False


def test_one_grid_is_left_alone_and_another_can_be_refused() -> None:
    volume, _ = brain()
    same = replace(volume, modality="t2")
    made = prepare_scans({"t1": volume, "t2": same}, ChainSettings(), warn=pytest.fail)
    assert made.record == {} and made.volumes["t2"] is same
    with pytest.raises(GeometryError, match="different grids"):
        prepare_scans({"t1": volume, "t2": moved_brain(motion(5, 0, 0, 0))},
                      ChainSettings(register="off"))  # fmt: skip


def test_a_registration_is_cancelled_on_request() -> None:
    with pytest.raises(Cancelled):
        register(brain()[0], moved_brain(motion(5, 0, 0, 0)), should_cancel=lambda: True)


def test_a_bias_field_is_taken_off() -> None:
    volume, inside = brain()
    affine = volume.affine @ np.diag([3.0, 3.0, 3.0, 1.0])
    inside = inside[::3, ::3, ::3]
    flat = np.where(inside, 100.0 + 20.0 * (volume.data[::3, ::3, ::3] > 60), 0)
    ramp = np.linspace(0.6, 1.4, flat.shape[0])[:, None, None]
    shaded = Volume((flat * ramp).astype(np.float32), affine)
    corrected = correct_bias_field(shaded, inside)
    middle = flat.shape[0] // 2

    def tilt(data: NDArray[np.floating]) -> float:
        left, right = data[:middle], data[-middle:]
        return float(left[inside[:middle]].mean() / right[inside[-middle:]].mean())

    assert abs(tilt(corrected.data) - 1) < 0.3 * abs(tilt(shaded.data) - 1)
