from __future__ import annotations

import pytest

from napari_anofpdm.layers.layer_guess import contrasts_in, guess_brain_mask, guess_scan


@pytest.mark.parametrize(
    ("name", "contrasts"),
    [
        ("patient19_FLAIR", {"flair"}),
        ("flair (synthetic)", {"flair"}),
        ("sub-01_T1w", {"t1"}),
        ("BraTS-GLI-00000-000-t2f", {"flair"}),
        ("3DFlairSag", {"flair"}),
        ("t1 to t2", {"t1", "t2"}),
        ("part1", set()),
    ],
)
def test_contrasts_are_read_from_names(name: str, contrasts: set[str]) -> None:
    assert contrasts_in(name) == contrasts


@pytest.mark.parametrize(
    ("names", "modality", "index"),
    [
        (["T1", "FLAIR"], "flair", 1),
        (["FLAIR", "t1 in flair space"], "flair", 0),
        (["FLAIR", "FLAIR [1]"], "flair", 1),
        (["scan"], "flair", 0),
        (["T1"], "flair", None),
        (["scan", "other"], "flair", None),
        ([], "flair", None),
    ],
)
def test_a_scan_is_guessed_but_never_another_contrast(
    names: list[str], modality: str, index: int | None
) -> None:
    assert guess_scan(names, modality) == index


@pytest.mark.parametrize(
    ("names", "index"),
    [
        (["lesion (truth)", "brain_mask"], 1),
        (["sub-01_brainmask"], 0),
        (["mask of the brain"], None),
        (["scan_bet_mask"], None),
        (["lesion mask"], None),
    ],
)
def test_only_a_brain_mask_by_name_is_taken_for_one(names: list[str], index: int | None) -> None:
    assert guess_brain_mask(names) == index
