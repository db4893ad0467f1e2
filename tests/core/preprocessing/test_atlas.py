"""Names of places: the atlas's points, sides, and an affine that was applied on purpose."""

from __future__ import annotations

import numpy as np
import pytest

from anofpdm.preprocessing.atlas import LOBES, fit_template, region_name
from anofpdm.scans.volume import Volume
from tests.core.preprocessing.heads import brain


@pytest.mark.parametrize(
    ("point", "name"),
    [
        ((-30, 40, 20), "left frontal lobe"),
        ((40, -20, -20), "right temporal lobe"),
        ((20, -90, 5), "right occipital lobe"),
        ((-35, -60, 45), "left parietal lobe"),
        ((12, -15, 8), "right thalamus"),
        ((0, -60, -25), "cerebellum"),
        ((0, 0, 150), "unnamed"),
    ],
)
def test_places_have_the_names_of_anatomy(point: tuple[int, int, int], name: str) -> None:
    assert region_name(np.array(point, dtype=float)) == name


def test_each_point_of_the_atlas_has_one_region() -> None:
    names = [name for members in LOBES.values() for name in members]
    assert len(names) == len(set(names))


def test_an_affine_is_taken_off_before_naming() -> None:
    pytest.importorskip("SimpleITK")
    volume, inside = brain()
    moved = np.diag([0.9, 0.85, 0.9, 1.0])
    moved[:3, 3] = [4, -10, 12]
    scan = Volume(volume.data, moved @ volume.affine, "t1")
    found = fit_template(scan, inside)
    assert found.similarity.passed
    places = np.array([[-30, 40, 20], [40, -20, -20], [20, -90, 5]], dtype=float)
    in_scan = places @ moved[:3, :3].T + moved[:3, 3]
    back = in_scan @ found.to_template[:3, :3].T + found.to_template[:3, 3]
    assert np.linalg.norm(back - places, axis=1).max() < 3.0
    assert found.names(in_scan.tolist()) == [region_name(place) for place in places]
