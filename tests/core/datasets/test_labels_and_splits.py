"""Labels from words, ranges and areas; splits by patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Annotation, Case
from anofpdm.datasets.labels.annotations import parsed_ranges, read_annotations, written_ranges
from anofpdm.datasets.labels.rule import labels_from_annotation, labels_from_area
from anofpdm.datasets.split import Kind, quotas, read_splits, split_patients

IDS = np.arange(2, 9)


def test_ranges_include_their_ends() -> None:
    labels = labels_from_annotation(Annotation(None, ((3, 4), (8, 8))), IDS, 10)
    assert labels is not None
    assert labels.tolist() == [0, 1, 1, 0, 0, 0, 1]


def test_healthy_is_all_healthy_and_unhealthy_alone_decides_nothing() -> None:
    healthy = labels_from_annotation(Annotation("healthy"), IDS, 10)
    assert healthy is not None
    assert not healthy.any()
    assert labels_from_annotation(Annotation("unhealthy"), IDS, 10) is None
    assert labels_from_annotation(Annotation(), IDS, 10) is None


def test_a_range_beyond_the_scan_is_refused() -> None:
    assert labels_from_annotation(Annotation(None, ((3, 9),)), IDS, 10) is not None
    with pytest.raises(DatasetError, match="last slice, 9"):
        labels_from_annotation(Annotation(None, ((3, 10),)), IDS, 10)


def test_areas_between_none_and_enough_are_unknown() -> None:
    area = np.array([0.0, 0.1, 29.9, 30.0, 500.0])
    assert labels_from_area(area, 30.0).tolist() == [0, -1, -1, 1, 1]
    assert labels_from_area(area, 0.0).tolist() == [0, 1, 1, 1, 1]


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 50)), max_size=6))
def test_written_ranges_are_read_back(pairs: list[tuple[int, int]]) -> None:
    ranges = tuple(sorted((first, first + length) for first, length in pairs))
    assert parsed_ranges(written_ranges(ranges), "here") == ranges


@pytest.mark.parametrize("text", ["12-30, 41-47", "12-30;41-47", " 41 - 47 ,12\u201330,"])
def test_ranges_as_people_write_them(text: str) -> None:
    assert parsed_ranges(text, "here") == ((12, 30), (41, 47))


@pytest.mark.parametrize("text", ["30-12", "Dec 30", "12-", "-3", "1.5", "12:30", "all"])
def test_other_texts_are_refused_with_their_place(text: str) -> None:
    with pytest.raises(DatasetError, match="here: unhealthy_slices"):
        parsed_ranges(text, "here")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("subject,age\na,3\n", "neither a column"),
        ("subject,label\na,healthy\na,healthy\n", "line 3 repeats the subject a"),
        ("subject,label\n,healthy\n", "has no subject"),
        ("subject,label\na,ill\n", 'label is "ill"'),
        ("subject,label,unhealthy_slices\na,healthy,3-4\n", "correct one"),
    ],
)
def test_annotations_that_cannot_be_read(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=words):
        read_annotations(path)


@pytest.mark.parametrize("line_break", ["\n", "\f", "\x1c", "\x85", "\u2028"])
def test_a_cell_of_several_lines_is_named_in_one(tmp_path: Path, line_break: str) -> None:
    """Found by tests/fuzz: a page feed in a label, and a cell that swallowed the next line."""
    path = tmp_path / "labels.csv"
    path.write_text(f'subject,label,split\np1,"un{line_break}healthy","tr{line_break}ain"\n')
    with pytest.raises(DatasetError, match=r'label is "un healthy"; write .* empty\.$'):
        read_annotations(path)
    with pytest.raises(DatasetError, match=r'the split is "tr ain"; write train, val or test\.$'):
        read_splits(path, [])
    path.write_text(f'subject,label\n"p{line_break}1",healthy\n"p{line_break}1",healthy\n')
    with pytest.raises(DatasetError, match=r"repeats the subject p 1; give each subject one line"):
        read_annotations(path)
    path.write_text(f'subject,"split{line_break}"\np1,train\n')
    assert read_splits(path, []) == {}  # stripped, as all names of columns are
    for header in (f'subject,"la{line_break}bel"', f'subject,"sp{line_break}lit"'):
        path.write_text(f"{header}\np1,healthy\n")
        with pytest.raises(DatasetError) as caught:
            read_splits(path, [])
        assert len(str(caught.value).splitlines()) == 1


@given(st.integers(0, 400), st.tuples(st.integers(1, 90), st.integers(0, 90), st.integers(0, 90)))
def test_quotas_add_up_and_leave_no_wanted_split_empty(
    count: int, shares: tuple[int, int, int]
) -> None:
    parts = quotas(count, shares)
    exact = count * np.array(shares) / sum(shares)
    assert sum(parts) == count
    assert all(part == 0 for part, share in zip(parts, shares, strict=True) if share == 0)
    if count >= 3:
        assert all(part > 0 for part, share in zip(parts, shares, strict=True) if share > 0)
    assert np.abs(np.array(parts) - exact).max() <= 2


def test_the_published_shares() -> None:
    assert quotas(1000, (75, 5, 20)) == [750, 50, 200]


def kinds_of(count: int) -> dict[str, Kind]:
    return {f"p{n}": "healthy" if n % 3 == 0 else "unhealthy" for n in range(count)}


def test_every_kind_of_patient_is_in_every_split() -> None:
    kinds = kinds_of(60)
    splits = split_patients(kinds, (75, 5, 20), seed=0)
    assert splits.keys() == kinds.keys()
    pairs = {(kinds[name], split) for name, split in splits.items()}
    assert len(pairs) == 6


def test_the_split_follows_the_seed_alone() -> None:
    kinds = kinds_of(60)
    backwards = dict(reversed(kinds.items()))
    assert split_patients(kinds, (75, 5, 20), 1) == split_patients(backwards, (75, 5, 20), 1)
    assert split_patients(kinds, (75, 5, 20), 1) != split_patients(kinds, (75, 5, 20), 2)


def test_a_further_patient_moves_few_others() -> None:
    before = split_patients(kinds_of(90), (75, 5, 20), 0)
    after = split_patients(kinds_of(91), (75, 5, 20), 0)
    assert sum(before[name] != after[name] for name in before) <= 2


CASES = [Case("a-1", "a"), Case("a-2", "a"), Case("b-1", "b"), Case("c-1", "c")]


def test_splits_by_patient_or_by_subject(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("split,patient\ntrain,a\ntest,b\nval,z\n")
    assert read_splits(path, CASES) == {"a-1": "train", "a-2": "train", "b-1": "test"}
    path.write_text("subject,split\na-1,train\na-2,train\nb-1,val\n")
    assert read_splits(path, CASES) == {"a-1": "train", "a-2": "train", "b-1": "val"}


def test_a_patient_without_a_name_is_the_subject(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    cases = [Case("p01", "p01"), Case("p02", "p02"), Case("c-1", "c")]
    path.write_text("subject,patient,split\np01,,train\np02,,val\nc-1,c,test\n")
    assert read_splits(path, cases) == {"p01": "train", "p02": "val", "c-1": "test"}
    path.write_text("patient,split\n,train\n")
    with pytest.raises(DatasetError, match="has no patient"):
        read_splits(path, cases)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient,fold\na,1\n", "no column split"),
        ("name,split\na,train\n", "patient or subject"),
        ("patient,split\na,training\n", "train, val or test"),
        ("patient,split\na,train\na,val\n", "second split"),
        ("subject,split\na-1,train\na-2,test\n", "one split"),
    ],
)
def test_splits_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=words):
        read_splits(path, CASES)
