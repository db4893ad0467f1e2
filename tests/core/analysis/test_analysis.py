"""A stored analysis is the one in memory, bit for bit; a broken one is refused in one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.growing import finished
from anofpdm.analysis.inputs import AnalysisInputs
from anofpdm.analysis.metadata import AnalysisMetadata, SourceFile, StepDtype
from anofpdm.analysis.steps import estimate_nbytes
from anofpdm.analysis.writer import AnalysisWriter
from anofpdm.common.errors import AnalysisError, OutputError
from anofpdm.method.calibration import Calibration
from anofpdm.method.settings import DynamicQuantile, ManualQuantile
from anofpdm.model.bundle_metadata import BundleMetadata
from anofpdm.scans.geometry import ImageAxis, SliceGeometry

SLICES, TIMESTEPS, SIZE, SCAN = 4, (1, 151, 300), 8, (6, 7, 5)
SHAPE = (SLICES, len(TIMESTEPS), 1, SIZE, SIZE)


@pytest.fixture
def metadata(tiny_metadata: BundleMetadata) -> AnalysisMetadata:
    return AnalysisMetadata(
        bundle=tiny_metadata,
        bundle_hash=tiny_metadata.fingerprint,
        timesteps=TIMESTEPS,
        process="ddim",
        clip=True,
        seed=7,
        versions={"anofpdm": "0.1.0"},
        created="2025-01-01T00:00:00+00:00",
        sources=(SourceFile(modality="flair", name="flair.nii.gz", sha256="0" * 64),),
        warnings=("The scan looks odd.",),
    )


@pytest.fixture
def inputs() -> AnalysisInputs:
    rng = np.random.default_rng(0)
    geometry = SliceGeometry(
        shape=SCAN,
        affine=((1.1, 0.0, 0.1, -3.0), (0.0, 1 / 3, 0.0, 2.0), (0.0, 0.0, 5.0, 1e-7), (0, 0, 0, 1)),
        size=SIZE,
        field_of_view="stretch",
        rows=ImageAxis(1, 6.0, -0.875),
        columns=ImageAxis(0, 5.0, -0.75),
    )
    return AnalysisInputs(
        x0=rng.uniform(-1, 1, (SLICES, 1, SIZE, SIZE)).astype(np.float32),
        foreground=rng.random((SLICES, SIZE, SIZE)) > 0.5,
        slice_ids=np.arange(1, SLICES + 1),
        foreground_native=rng.random(SCAN) > 0.5,
        geometry=geometry,
        native={
            "flair": rng.integers(-5, 900, SCAN).astype(np.int16),
            "t1/odd name": rng.normal(size=SCAN).astype(">f4"),
        },
    )


@pytest.fixture
def steps() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    x0_null = rng.normal(0, 3, SHAPE).astype(np.float32)
    eps_gap = rng.normal(0, 1e-2, SHAPE).astype(np.float32)
    # A slice without any gap is all zeros, which Zarr by itself would not write.
    eps_gap[2] = 0
    return x0_null, eps_gap


Make = Callable[..., Analysis]


@pytest.fixture
def make(
    metadata: AnalysisMetadata,
    inputs: AnalysisInputs,
    steps: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> Make:
    """Fill an analysis in two batches, out of order."""

    def build(path: Path | None = None, dtype: StepDtype = "float16", **options: Any) -> Analysis:
        with AnalysisWriter(path, metadata, inputs, dtype=dtype, **options) as writer:
            for positions in ([2, 0, 3], [1]):
                writer.write(positions, steps[0][positions], steps[1][positions])
            return finished(writer)

    return build


@pytest.fixture
def stored(make: Make, tmp_path: Path) -> Path:
    return make(tmp_path / "a.anofpdm.zarr").path or tmp_path


def assert_same(one: Analysis, other: Analysis) -> None:
    assert one.metadata == other.metadata
    assert one.geometry == other.geometry
    assert one.dtype == other.dtype
    for name in ("x0", "foreground", "slice_ids", "foreground_native"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
    assert list(one.native) == list(other.native)
    for modality, scan in one.native.items():
        np.testing.assert_array_equal(scan, other.native[modality])
    for position in range(SLICES):
        for mine, theirs in zip(one.steps_of(position), other.steps_of(position), strict=True):
            np.testing.assert_array_equal(mine, theirs, strict=True)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_stored_equals_memory_bit_for_bit(
    make: Make,
    steps: tuple[NDArray[np.float32], NDArray[np.float32]],
    tmp_path: Path,
    dtype: StepDtype,
) -> None:
    memory = make(None, dtype)
    on_disk = make(tmp_path / "a.anofpdm.zarr", dtype)
    saved = memory.save(tmp_path / "b.anofpdm.zarr")
    copied = on_disk.save(tmp_path / "sub" / "c.anofpdm.zarr")
    shutil.rmtree(tmp_path / "a.anofpdm.zarr")
    assert_same(memory, saved)
    assert_same(memory, Analysis.open(copied.path or ""))
    assert memory.dtype == dtype
    assert memory.path is None
    for position in range(SLICES):
        for found, given in zip(memory.steps_of(position), steps, strict=True):
            np.testing.assert_array_equal(found, given[position].astype(dtype), strict=True)
    assert {path.name for path in tmp_path.iterdir()} == {"b.anofpdm.zarr", "sub"}


def test_native_scans_keep_their_dtype(stored: Path, inputs: AnalysisInputs) -> None:
    native = Analysis.open(stored).native
    assert native["flair"].dtype == np.int16
    assert native["t1/odd name"].dtype == np.float32
    assert native["flair"] is native["flair"]
    with pytest.raises(KeyError):
        native["t2"]


def test_geometry_survives_exactly(stored: Path, inputs: AnalysisInputs) -> None:
    assert Analysis.open(stored).geometry == inputs.geometry
    assert Analysis.open(stored).geometry.affine[1][1] == 1 / 3


def test_one_chunk_a_slice(stored: Path) -> None:
    for name in ("x0_null", "eps_gap"):
        array = zarr.open_group(stored, mode="r")[name]
        assert isinstance(array, zarr.Array)
        assert array.chunks == (1, *SHAPE[1:])
        assert len([f for f in (stored / name).rglob("*") if f.is_file()]) == SLICES + 1


def test_estimate_is_what_memory_holds(make: Make) -> None:
    held = sum(part.nbytes for position in range(SLICES) for part in make().steps_of(position))
    assert estimate_nbytes(*SHAPE) == held
    assert estimate_nbytes(*SHAPE, dtype="float32") == 2 * held
    # DESIGN.md: 155 slices at 128x128 and 30 steps are some 300 MB a modality.
    assert 280e6 < estimate_nbytes(155, 30, 1, 128, 128) < 320e6


def test_default_settings(
    make: Make, metadata: AnalysisMetadata, tiny_calibration: Calibration
) -> None:
    uncalibrated = make()
    settings = uncalibrated.default_settings()
    assert uncalibrated.calibration is None
    assert settings.guidance == 1.0
    assert settings.threshold == ManualQuantile(quantile=0.95, region="brain")
    assert not settings.gate
    bundle = metadata.bundle.model_copy(update={"calibration": tiny_calibration})
    calibrated = Analysis(
        metadata.model_copy(update={"bundle": bundle}), uncalibrated.inputs, uncalibrated.steps
    )
    settings = calibrated.default_settings()
    assert settings.guidance == tiny_calibration.guidance
    assert settings.threshold == DynamicQuantile(region="brain", low=0.8, high=0.95)
    assert settings.gate
    assert settings.cosine_threshold == tiny_calibration.cosine_threshold


@pytest.mark.parametrize("position", [-1, SLICES])
def test_no_such_slice(make: Make, position: int) -> None:
    with pytest.raises(IndexError, match=r"outside 0\.\.3"):
        make().steps_of(position)


def test_missing_slices_are_not_an_analysis(
    metadata: AnalysisMetadata, inputs: AnalysisInputs, tmp_path: Path
) -> None:
    block = np.zeros((2, *SHAPE[1:]), dtype=np.float32)
    with AnalysisWriter(tmp_path / "x" / "a.anofpdm.zarr", metadata, inputs) as writer:
        writer.write([0, 3], block, block)
        with pytest.raises(AnalysisError, match="2 of 4 slices are missing, the first"):
            writer.finish()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_interrupted_writing_leaves_nothing(
    metadata: AnalysisMetadata,
    inputs: AnalysisInputs,
    tmp_path: Path,
    fault: type[BaseException],
) -> None:
    path = tmp_path / "x" / "a.anofpdm.zarr"
    with pytest.raises(fault), AnalysisWriter(path, metadata, inputs) as writer:
        writer.write([0], *np.zeros((2, 1, *SHAPE[1:])))
        assert not path.exists()
        assert any((tmp_path / "x").iterdir())
        raise fault
    assert not list(tmp_path.iterdir())


def test_writer_refuses_wrong_shapes_and_overflow(
    metadata: AnalysisMetadata, inputs: AnalysisInputs
) -> None:
    block = np.zeros((1, *SHAPE[1:]), dtype=np.float32)
    with AnalysisWriter(None, metadata, inputs) as writer:
        with pytest.raises(AnalysisError, match="for 2 slices"):
            writer.write([0, 1], block, block)
        with pytest.raises(AnalysisError, match=r"too large for float16.*float32"):
            writer.write([0], block + 1e6, block)


def test_unwritable_and_existing_targets(make: Make, stored: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="not a folder"):
        make(tmp_path / "file" / "a.anofpdm.zarr")
    with pytest.raises(OutputError, match="already exists"):
        make(stored)
    with pytest.raises(OutputError, match=r"must end in \.anofpdm\.zarr"):
        make(tmp_path / "a.zarr")
    home = tmp_path / "home.anofpdm.zarr"
    home.mkdir()
    (home / "thesis").write_text("years")
    with pytest.raises(OutputError, match="not an analysis"):
        make(home, overwrite=True)
    assert (home / "thesis").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"file", stored.name, home.name}


def test_overwriting_an_analysis_even_with_itself(make: Make, stored: Path) -> None:
    assert make(stored, "float32", overwrite=True).dtype == "float32"
    itself = Analysis.open(stored)
    assert_same(itself.save(stored, overwrite=True), make(None, "float32"))
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


def refused(path: Path) -> str:
    with pytest.raises(AnalysisError) as caught:
        Analysis.open(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


def test_what_is_no_analysis(tmp_path: Path) -> None:
    assert "no analysis at" in refused(tmp_path / "missing.anofpdm.zarr")
    (tmp_path / "scan.nii").write_bytes(b"scan")
    assert "is no stored analysis" in refused(tmp_path / "scan.nii")
    assert "is no stored analysis" in refused(tmp_path)
    zarr.create_array(tmp_path / "array.zarr", shape=(2,), dtype="i4")
    zarr.open_group(tmp_path / "group.zarr", mode="w")
    for name in ("array.zarr", "group.zarr"):
        assert "not an AnoFPDM analysis" in refused(tmp_path / name)


def test_every_missing_file_is_named_on_open(stored: Path) -> None:
    # Groups' own files hold nothing, but for the root's.
    groups = {stored / "zarr.json", stored / "native" / "zarr.json"}
    files = [file for file in stored.rglob("*") if file.is_file() and file not in groups]
    assert len(files) > 2 * SLICES
    for file in files:
        whole = file.read_bytes()
        file.unlink()
        assert f"is not whole: {file.relative_to(stored).as_posix()} is missing" in refused(stored)
        file.write_bytes(whole)
    Analysis.open(stored)


def read_all(path: Path) -> Analysis:
    analysis = Analysis.open(path)
    for position in range(SLICES):
        analysis.steps_of(position)
    assert all(scan is not None for scan in analysis.native.values())
    return analysis


def damages(whole: bytes) -> Iterator[bytes]:
    """Cut off, emptied, and a bit flipped at several places."""
    yield whole[: len(whole) // 2]
    yield b""
    for place in np.linspace(0, len(whole) - 1, 6).astype(int).tolist():
        yield whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]


def test_every_damaged_chunk_is_named_when_it_is_read(stored: Path) -> None:
    chunks = [file for file in stored.rglob("c/**/*") if file.is_file()]
    assert len(chunks) == 2 * SLICES + 4 + 2
    for file in chunks:
        whole = file.read_bytes()
        for damaged in damages(whole):
            file.write_bytes(damaged)
            with pytest.raises(AnalysisError) as caught:
                read_all(stored)
            assert f"{stored} is damaged: {file.relative_to(stored).as_posix()} " in str(
                caught.value
            )
        file.write_bytes(whole)
    read_all(stored)


@pytest.mark.parametrize("name", ["x0_null", "slice_ids", "native/0"])
def test_damaged_metadata_of_an_array_never_change_what_is_read(
    stored: Path, make: Make, name: str
) -> None:
    file = stored / name / "zarr.json"
    whole, before = file.read_bytes(), make()
    for damaged in (b"", b"{}", b"[3]", b"\xff", whole[:-30]):
        file.write_bytes(damaged)
        assert f"damaged: {name}/zarr.json" in refused(stored)
    for place in range(0, len(whole), 23):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            assert_same(before, read_all(stored))
        except AnalysisError as error:
            assert f"{name}/" in str(error)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("eps_gap", "float16", "int16"),
        ("native/0", "int16", "uint16"),
        ("x0", "float32", "int32"),
    ],
)
def test_another_type_of_the_same_size_is_damage(
    stored: Path, name: str, old: str, new: str
) -> None:
    file = stored / name / "zarr.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert f"damaged: {name}/zarr.json" in refused(stored)


def as_format_1(path: Path) -> None:
    """Rewrite an analysis in the first format: chunks without checksums, a table of files."""
    group = zarr.open_group(path, mode="r+")
    attributes: dict[str, Any] = dict(group.attrs)
    document = attributes["anofpdm_analysis"]
    for name in document.pop("arrays"):
        array = group[name]
        assert isinstance(array, zarr.Array)
        data, chunks = np.asarray(array[...]), array.chunks
        group.create_array(
            name,
            shape=data.shape,
            chunks=chunks,
            dtype=data.dtype,
            compressors=BloscCodec(cname="lz4"),
            config={"write_empty_chunks": True},
            overwrite=True,
        )[...] = data
    group.attrs["anofpdm_analysis"] = {**document, "format_version": 1, "files": {"x0": [1, "ab"]}}


def test_the_first_format_opens(stored: Path, make: Make) -> None:
    as_format_1(stored)
    analysis = Analysis.open(stored)
    assert_same(analysis, make())
    copy = analysis.save(stored.parent / "copy.anofpdm.zarr").path
    assert copy is not None
    assert (
        json.loads((copy / "zarr.json").read_text())["attributes"]["anofpdm_analysis"][
            "format_version"
        ]
        == 2
    )
    (stored / "x0_null/c/1/0/0/0/0").unlink()
    assert "is not whole: x0_null/c/1/0/0/0/0" in refused(stored)


def test_folder_cut_off_half_way(stored: Path) -> None:
    shutil.rmtree(stored / "eps_gap")
    assert "is not whole: eps_gap" in refused(stored)


def flip_last_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def test_an_altered_slice_leaves_the_others_readable(stored: Path) -> None:
    flip_last_bit(stored / "x0_null/c/1/0/0/0/0")
    analysis = Analysis.open(stored)
    analysis.steps_of(0)
    with pytest.raises(AnalysisError, match="damaged: x0_null/c/1"):
        analysis.steps_of(1)
    with pytest.raises(AnalysisError, match="damaged"):
        analysis.save(stored.parent / "copy.anofpdm.zarr")
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


def test_slice_that_goes_while_open(stored: Path) -> None:
    analysis = Analysis.open(stored)
    shutil.rmtree(stored)
    with pytest.raises(AnalysisError, match="damaged"):
        analysis.steps_of(0)


def test_altered_inputs_and_scans(stored: Path) -> None:
    flip_last_bit(stored / "native/0/c/0/0/0")
    with pytest.raises(AnalysisError, match="damaged: native/0"):
        Analysis.open(stored).native["flair"]
    flip_last_bit(stored / "x0/c/0/0/0/0")
    assert "damaged: x0" in refused(stored)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d.update(format_version=3), "format_version 3"),
        (lambda d: d.pop("metadata"), "bundle is missing"),
        (lambda d: d.update(arrays=3), "lacks its table"),
        (lambda d: d["metadata"].pop("timesteps"), "timesteps is missing"),
        (lambda d: d["metadata"].update(timesteps=[1, 151]), "ask for"),
        (lambda d: d["metadata"].update(timesteps=[151, 1, 300]), "must increase"),
        (lambda d: d["metadata"]["bundle"].pop("network"), "bundle.network is missing"),
        (lambda d: d["geometry"].pop("affine"), "affine"),
        (lambda d: d["geometry"].update(shape=[5, 6, 7]), "do not fit"),
        (lambda d: d["arrays"].clear(), "damaged: x0_null/zarr.json"),
        (lambda d: d.pop("arrays"), "lacks its table"),
        (lambda d: d.update(native=3), "lacks its list of scans"),
    ],
)
def test_altered_attributes(
    stored: Path, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    root = stored / "zarr.json"
    node = json.loads(root.read_text())
    change(node["attributes"]["anofpdm_analysis"])
    root.write_text(json.dumps(node))
    with pytest.raises(AnalysisError, match=fault):
        Analysis.open(stored)


@pytest.mark.parametrize("change", [{"node_type": "array"}, {"zarr_format": 2}])
def test_altered_root(stored: Path, change: dict[str, Any]) -> None:
    root = stored / "zarr.json"
    root.write_text(json.dumps(json.loads(root.read_text()) | change))
    with pytest.raises(AnalysisError, match=r"zarr\.json is not what was written"):
        Analysis.open(stored)
