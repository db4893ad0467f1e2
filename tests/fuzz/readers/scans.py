"""Scans, slice datasets, analyses, tables, and folders of scans."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import get_args

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813 - its own documentation spells it so

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.engine import analyze_stack
from anofpdm.common.errors import AnofpdmError
from anofpdm.datasets.labels.annotations import read_annotations
from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.listing import list_cases
from anofpdm.datasets.preparation.parts import PartStore
from anofpdm.datasets.preparation.subject import SubjectSlices, subject_slices
from anofpdm.datasets.split import read_splits
from anofpdm.datasets.store.attributes import Split
from anofpdm.datasets.store.slices import SliceDataset
from anofpdm.method.interpretation import interpret
from anofpdm.results.native import to_native
from anofpdm.scans.preprocessing import preprocess
from anofpdm.scans.preprocessing_config import PreprocessingConfig
from anofpdm.scans.values import mask_voxels
from anofpdm.scans.volume import Volume, read_channels, read_volume
from tests.fuzz.harness import Reader
from tests.fuzz.readers.model import tiny_bundle

_AFFINE = np.diag([-6.0, 6.0, 8.0, 1.0])
_CONFIG = PreprocessingConfig(size=8, field_of_view="stretch")


def _voxels() -> np.ndarray:
    rng = np.random.default_rng(0)
    data = np.zeros((24, 28, 10), np.int16)
    data[4:20, 5:24, 1:9] = rng.normal(300, 40, (16, 19, 8))
    return data


def _nifti(name: str, kind: type[nib.Nifti1Pair] = nib.Nifti1Image) -> Reader:
    def make(folder: Path) -> Path:
        image = kind(_voxels(), _AFFINE)
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"a note"))
        nib.save(image, folder / name)
        return folder / name

    return Reader(f"scan {name.removeprefix('scan.')}", make, _read_scan)


def _mgz(folder: Path) -> Path:
    nib.save(nib.MGHImage(_voxels(), _AFFINE), folder / "scan.mgz")
    return folder / "scan.mgz"


def _itk(name: str) -> Reader:
    def make(folder: Path) -> Path:
        image = sitk.GetImageFromArray(_voxels().transpose(2, 1, 0))
        image.SetSpacing((6.0, 6.0, 8.0))
        sitk.WriteImage(image, folder / name)
        return folder / name

    return Reader(f"scan {name.removeprefix('scan.')}", make, _read_scan)


def _read_scan(path: Path) -> object:
    volume = read_volume(path, "flair")
    read_channels(path)
    with contextlib.suppress(AnofpdmError):
        mask_voxels(volume, "brain mask")
    return preprocess({"flair": volume}, ("flair",), _CONFIG)


def _dataset(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    path = folder / "set.zarr"
    with SliceDataset.create(path, modalities=("flair", "t1")) as writer:
        for name, split in (("p1", "train"), ("p2", "train"), ("p3", "val")):
            images = rng.uniform(-1, 1, (6, 2, 8, 8))
            truth = rng.uniform(size=(6, 8, 8)) > 0.8
            twin = "p1" if name == "p2" else None
            writer.append(images, [0, 1] * 3, subject=name, split=split, truth=truth, twin_of=twin)
    return path


def _read_dataset(path: Path) -> object:
    dataset = SliceDataset.open(path)
    found: list[object] = [dataset.description, dataset.slice_shape, dataset.scattered_images]
    for split in (each for each in get_args(Split) if each in dataset.splits):
        chosen = dataset.select(split)
        found += [chosen.images, chosen.foreground, chosen.truth, chosen.twins, chosen.subjects]
        raw = dataset.scattered_images
        if raw is not None:
            found.append(raw.read(chosen.positions))
    return found


def _analysis(folder: Path) -> Path:
    bundle = tiny_bundle()
    few = Volume(_voxels()[:, :, :5], _AFFINE)  # four slices are read in half the time of eight
    stack = preprocess({"flair": few}, ("flair",), _CONFIG)
    path = folder / "scan.anofpdm.zarr"
    analyze_stack(stack, bundle, steps=3, device="cpu", precision="float32", store=path)
    return path


def _read_analysis(path: Path) -> object:
    analysis = Analysis.open(path)
    dict(analysis.native)
    found = interpret(analysis, analysis.default_settings())
    return to_native(analysis, found)


def _labels(folder: Path) -> Path:
    path = folder / "labels.csv"
    path.write_text(
        "subject,patient,label,unhealthy_slices,split\n"
        'p1,p1,unhealthy,"3-5, 7",train\np2,p2,healthy,,val\n"p 3",p3,,,test\n'
    )
    return path


def _read_labels(path: Path) -> object:
    return read_annotations(path), read_splits(path, [])


def _parts(folder: Path) -> Path:
    store = folder / "set.zarr.parts"
    store.mkdir()
    for subject in ("p1", "p2"):
        slices = SubjectSlices(
            images=np.zeros((3, 1, 8, 8), np.float16),
            foreground=np.ones((3, 8, 8), bool),
            truth=np.zeros((3, 8, 8), bool),
            labels=np.zeros(3, np.int8),
            slice_ids=np.arange(3, dtype=np.int32),
            spacing_mm=3.0,
            warnings=("a sentence",),
        )
        PartStore(store).save(subject, "key", slices)
    return store


def _read_parts(path: Path) -> object:
    store = PartStore(path)
    return [store.load(subject) for subject in ("p1", "p2") if store.summary(subject)]


def _bids(folder: Path) -> Path:
    source = folder / "bids"
    anat = source / "sub-01" / "anat"
    anat.mkdir(parents=True)
    nib.save(nib.Nifti1Image(_voxels(), _AFFINE), anat / "sub-01_FLAIR.nii")
    lesion = (_voxels() > 400).astype(np.uint8)
    nib.save(nib.Nifti1Image(lesion, _AFFINE), anat / "sub-01_dseg.nii.gz")
    (anat / "sub-01_dseg.tsv").write_text("index\tname\n1\tlesion\n2\tedema\n")
    (anat / "sub-01_FLAIR.json").write_text(json.dumps({"Modality": "MR"}))
    (source / "dataset_description.json").write_text(json.dumps({"Name": "a set"}))
    return source


def _table(folder: Path) -> Path:
    nib.save(nib.Nifti1Image(_voxels(), _AFFINE), folder / "p1.nii")
    path = folder / "table.csv"
    path.write_text("subject,flair,mask,label,unhealthy_slices\np1,p1.nii,,unhealthy,3-5\n")
    return path


def _prepared(path: Path) -> object:
    layout = "table" if path.suffix == ".csv" else "bids"
    config = PrepareConfig(
        source=path, layout=layout, modalities=("flair",), preprocessing=_CONFIG
    ).complete()
    listing = list_cases(config)
    found: list[object] = [listing.not_read]
    for case in listing.cases:
        if not case.problem:
            found.append(subject_slices(case, config.recipe))
    return found


READERS = (
    _nifti("scan.nii"),
    _nifti("scan.nii.gz"),
    _nifti("scan.img", nib.Nifti1Pair),
    Reader("scan mgz", _mgz, _read_scan),
    _itk("scan.nrrd"),
    _itk("scan.nhdr"),
    _itk("scan.mha"),
    _itk("scan.mhd"),
    Reader("slice dataset", _dataset, _read_dataset),
    Reader("analysis", _analysis, _read_analysis),
    Reader("labels", _labels, _read_labels),
    Reader("parts", _parts, _read_parts),
    Reader("bids", _bids, _prepared),
    Reader("table", _table, _prepared),
)
