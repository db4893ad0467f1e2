from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from anofpdm.common.errors import DatasetError, OutputError
from anofpdm.datasets import SliceDataset


def make_images(count: int, seed: int) -> NDArray[np.float16]:
    generator = np.random.default_rng(seed)
    images = generator.uniform(-1, 1, (count, 2, 16, 16)).astype(np.float16)
    images[..., :4] = -1
    return images


Part = tuple[NDArray[np.float16], NDArray[np.int64], Any]


def write(path: Path, *, truth: bool = True, **options: Any) -> dict[str, Part]:
    """Three subjects, 90 + 40 + 70 slices: more than one chunk, and ends inside one."""
    parts = {}
    with SliceDataset.create(path, modalities=["flair", "t1"], scored=["flair"], **options) as out:
        for seed, (name, split, count) in enumerate(
            [("a", "train", 90), ("b", "val", 40), ("c", "train", 70)]
        ):
            images = make_images(count, seed)
            labels = np.arange(count) % 3 - 1
            masks = images[:, 0] > 0.9 if truth else None
            out.append(
                images, labels, subject=name, split=split, truth=masks,
                slice_ids=np.arange(count) + 10,
            )  # fmt: skip
            parts[name] = (images, labels, masks)
    return parts


def test_what_was_appended_comes_back(tmp_path: Path) -> None:
    parts = write(tmp_path / "d.zarr", provenance={"seed": 4})
    dataset = SliceDataset.open(tmp_path / "d.zarr")
    train = dataset.select("train")
    assert len(dataset) == 200
    assert len(train) == 160
    assert np.array_equal(train.images, np.concatenate([parts["a"][0], parts["c"][0]]))
    assert np.array_equal(train.labels, np.concatenate([parts["a"][1], parts["c"][1]]))
    assert train.truth is not None
    assert np.array_equal(train.truth, np.concatenate([parts["a"][2], parts["c"][2]]))
    assert np.array_equal(train.slice_ids, np.r_[10:100, 10:80])
    assert train.subjects == ("a",) * 90 + ("c",) * 70
    assert dataset.modalities == ("flair", "t1")
    assert dataset.scored == ("flair",)
    assert dataset.provenance == {"seed": 4}
    assert dataset.slice_shape == (2, 16, 16)
    assert dataset.splits == {"train", "val"}
    assert dataset.description["subjects"] == {"train": 2, "val": 1}


def test_foreground_is_where_any_channel_exceeds_background(tmp_path: Path) -> None:
    parts = write(tmp_path / "d.zarr")
    foreground = SliceDataset.open(tmp_path / "d.zarr").select("val").foreground
    assert np.array_equal(foreground, (parts["b"][0] > -1).any(axis=1))
    assert not foreground[..., :4].any()


def test_truth_is_optional_and_given_where_all_subjects_of_a_split_have_it(tmp_path: Path) -> None:
    write(tmp_path / "d.zarr", truth=False)
    bare = SliceDataset.open(tmp_path / "d.zarr")
    assert bare.select("train").truth is None
    assert not bare.has_truth
    assert not bare.subject_has_truth.any()
    images = make_images(3, 0)
    with SliceDataset.create(tmp_path / "e.zarr", modalities=["flair", "t1"]) as out:
        out.append(images, [0, 0, 1], subject="a", split="train")
        out.append(images, [0, 0, 1], subject="b", split="train", truth=images[:, 0] > 0)
        out.append(images, [0, 0, 1], subject="c", split="test", truth=images[:, 0] > 0)
    mixed = SliceDataset.open(tmp_path / "e.zarr")
    assert mixed.subject_has_truth.tolist() == [False, True, True]
    assert mixed.select("train").truth is None
    truth = mixed.select("test").truth
    assert truth is not None
    assert np.array_equal(truth, images[:, 0] > 0)


def test_all_empty_truth_is_stored_not_left_out(tmp_path: Path) -> None:
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["a", "b"]) as out:
        blank = np.full((5, 2, 16, 16), -1.0)
        out.append(blank, [0] * 5, subject="a", split="test", truth=np.zeros((5, 16, 16)))
    selection = SliceDataset.open(tmp_path / "d.zarr").select("test")
    assert selection.truth is not None
    assert selection.truth.shape == (5, 16, 16)
    assert not selection.truth.any()


def test_fingerprint_follows_images_and_labels(tmp_path: Path) -> None:
    def fingerprint(name: str, labels: list[int]) -> str:
        with SliceDataset.create(tmp_path / name, modalities=["a", "b"]) as out:
            out.append(make_images(2, 0), labels, subject="a", split="train")
        return SliceDataset.open(tmp_path / name).fingerprint

    assert fingerprint("d.zarr", [0, 1]) == fingerprint("e.zarr", [0, 1])
    assert fingerprint("f.zarr", [1, 1]) != fingerprint("g.zarr", [0, 1])


def test_nothing_appears_before_the_end_nor_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "d.zarr"
    with pytest.raises(RuntimeError), SliceDataset.create(path, modalities=["a", "b"]) as out:
        out.append(make_images(80, 0), np.zeros(80), subject="a", split="train")
        assert not path.exists()
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with (
            pytest.raises(OutputError, match=r"d\.zarr cannot be written"),
            SliceDataset.create(tmp_path / "d.zarr", modalities=["flair", "t1"]) as out,
        ):
            for number in range(2):
                images = np.tile(make_images(64, number), (1, 1, 3, 3))
                out.append(images, np.zeros(64), subject=f"s{number}", split="train")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_existing_dataset_is_replaced_only_on_request(tmp_path: Path) -> None:
    write(tmp_path / "d.zarr")
    with pytest.raises(OutputError, match="already exists"):
        SliceDataset.create(tmp_path / "d.zarr", modalities=["flair"])
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["a", "b"], overwrite=True) as out:
        out.append(make_images(2, 0), [0, 1], subject="z", split="train")
    assert len(SliceDataset.open(tmp_path / "d.zarr")) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["d.zarr"]


@pytest.mark.parametrize("kind", ["scans", "file", "other zarr"])
def test_nothing_but_a_dataset_is_replaced(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "precious"
    if kind == "file":
        place.write_text("a thesis")
    else:
        place.mkdir()
        (place / ("scan.nii" if kind == "scans" else "zarr.json")).write_text('{"attributes": {}}')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="not a slice dataset, so it is not overwritten"):
        SliceDataset.create(place, modalities=["flair"], overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "d.zarr").mkdir()
    with SliceDataset.create(tmp_path / "d.zarr", modalities=["a", "b"], overwrite=True) as out:
        out.append(make_images(2, 0), [0, 1], subject="z", split="train")
    assert len(SliceDataset.open(tmp_path / "d.zarr")) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((3, 1, 16, 16))}, "expected"),
        ({"images": np.full((3, 2, 16, 16), 1.5)}, "in \\[-1, 1\\]"),
        ({"images": np.full((3, 2, 16, 16), np.nan)}, "finite"),
        ({"images": np.zeros((3, 2, 8, 8))}, "8x8"),
        ({"labels": [0, 1]}, "label must list 3"),
        ({"labels": [0, 1, 2]}, "labels must be"),
        ({"split": "tests"}, '"tests" is unknown'),
        ({"subject": "a", "split": "val"}, "already"),
        ({"foreground": np.zeros((3, 8, 8))}, "foreground has shape"),
    ],
)
def test_unfit_slices_are_refused_and_leave_no_trace(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    writer = SliceDataset.create(tmp_path / "d.zarr", modalities=["flair", "t1"])
    writer.append(make_images(2, 0), [0, 1], subject="a", split="train")
    arguments: dict[str, Any] = {"images": make_images(3, 1), "labels": [0, 1, -1], "subject": "b"}
    arguments = {"split": "train", **arguments, **change}
    with pytest.raises(DatasetError, match=message):
        writer.append(arguments.pop("images"), arguments.pop("labels"), **arguments)
    writer.finish()
    dataset = SliceDataset.open(tmp_path / "d.zarr")
    assert len(dataset) == 2
    assert dataset.subjects == ("a",)


def test_empty_dataset_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(DatasetError, match="would be empty"),
        SliceDataset.create(tmp_path / "d.zarr", modalities=["a"]),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_empty_split_is_named(tmp_path: Path) -> None:
    write(tmp_path / "d.zarr")
    with pytest.raises(DatasetError, match='"test"'):
        SliceDataset.open(tmp_path / "d.zarr").select("test")


def test_missing_chunk_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "d.zarr")
    chunks = sorted(p for p in (tmp_path / "d.zarr/images/c").rglob("*") if p.is_file())
    assert len(chunks) == 4
    dataset = SliceDataset.open(tmp_path / "d.zarr")
    chunks[1].unlink()
    with pytest.raises(DatasetError, match=r"incomplete \(images/c/1/0/0/0 is missing\)"):
        SliceDataset.open(tmp_path / "d.zarr")
    # One that goes while the dataset is open is not read as zeros.
    with pytest.raises(DatasetError, match="damaged: images/c/1/0/0/0"):
        dataset.read("images", np.arange(len(dataset)))


@pytest.mark.parametrize("torn", [lambda b: b[:-7], lambda b: b"", lambda b: b[:9] + b"?" + b[10:]])
@pytest.mark.parametrize("name", ["images", "foreground", "label", "subject", "slice_id"])
def test_damaged_chunk_is_named(tmp_path: Path, name: str, torn: Callable[[bytes], bytes]) -> None:
    write(tmp_path / "d.zarr")
    chunk = next(p for p in (tmp_path / f"d.zarr/{name}/c").rglob("*") if p.is_file())
    chunk.write_bytes(torn(chunk.read_bytes()))
    dataset = SliceDataset.open(tmp_path / "d.zarr")
    file = chunk.relative_to(tmp_path / "d.zarr").as_posix()
    with pytest.raises(DatasetError, match=f"damaged: {file} has changed since it was written"):
        dataset.read(name, np.arange(len(dataset)))


@pytest.mark.parametrize("name", ["images", "foreground", "label", "subject", "slice_id"])
def test_damaged_metadata_of_an_array_are_named(tmp_path: Path, name: str) -> None:
    write(tmp_path / "d.zarr")
    file = tmp_path / "d.zarr" / name / "zarr.json"
    whole = file.read_text()
    kind = json.loads(whole)["data_type"]
    other = {"float16": "int16", "bool": "int8", "int8": "uint8", "int32": "uint32"}[kind]
    for damaged in ("", "{}", "[3]", whole[:-30], whole.replace(f'"{kind}"', f'"{other}"')):
        file.write_text(damaged)
        with pytest.raises(DatasetError, match=f"{name}/zarr.json is not what was written"):
            SliceDataset.open(tmp_path / "d.zarr")
    file.unlink()
    with pytest.raises(DatasetError, match=f'incomplete .the array "{name}"'):
        SliceDataset.open(tmp_path / "d.zarr")


def spoil(path: Path, how: str) -> None:
    document = path / "zarr.json"
    content = json.loads(document.read_text())
    if how == "other zarr":
        content["attributes"] = {}
    elif how == "version":
        content["attributes"]["format_version"] = 99
    else:
        document.write_text(document.read_text()[:50])
        return
    document.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("other zarr", "not a slice dataset"),
        ("version", "format 99"),
        ("torn", "not a slice dataset"),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, how: str, message: str) -> None:
    write(tmp_path / "d.zarr")
    spoil(tmp_path / "d.zarr", how)
    with pytest.raises(DatasetError, match=message):
        SliceDataset.open(tmp_path / "d.zarr")


@pytest.mark.parametrize("kind", ["absent", "file", "folder"])
def test_no_dataset_at_all_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "file":
        path.write_text("x")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(DatasetError, match="not a slice dataset"):
        SliceDataset.open(path)
