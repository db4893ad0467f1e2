"""A bundle loads as it was saved, and a broken one is refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from anofpdm.common.errors import BundleError, OutputError
from anofpdm.method.calibration import Calibration
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.bundle_metadata import BundleMetadata

METADATA, WEIGHTS = "metadata.json", "weights.safetensors"


def edit_metadata(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((folder / METADATA).read_text())
    change(document)
    (folder / METADATA).write_text(json.dumps(document))


def replace_weights(folder: Path, weights: bytes) -> None:
    """Put other weights in place, with the hash that belongs to them."""
    (folder / WEIGHTS).write_bytes(weights)
    digest = hashlib.sha256(weights).hexdigest()
    edit_metadata(folder, lambda document: document.update(weights_sha256=digest))


def refused(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(path).network()
    sentence = str(caught.value)
    assert path.name in sentence
    assert "\n" not in sentence
    return sentence


@pytest.fixture
def folder(tiny_bundle: ModelBundle, tmp_path: Path) -> Path:
    return tiny_bundle.save(tmp_path / "tiny").path or tmp_path


@pytest.mark.parametrize("name", ["tiny", "tiny.anofpdm.zip"])
def test_saved_and_loaded_bundles_are_equal(
    tiny_bundle: ModelBundle, tiny_calibration: Calibration, tmp_path: Path, name: str
) -> None:
    bundle = tiny_bundle.with_calibration(tiny_calibration)
    bundle.save(tmp_path / name)
    loaded = load_bundle(tmp_path / name)
    assert loaded.metadata == bundle.metadata
    assert loaded.weights == bundle.weights
    assert loaded.hash == bundle.hash != tiny_bundle.hash
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_zip_is_stored_and_holds_two_files(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    tiny_bundle.save(tmp_path / "tiny.anofpdm.zip")
    with zipfile.ZipFile(tmp_path / "tiny.anofpdm.zip") as archive:
        assert archive.namelist() == [METADATA, WEIGHTS]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_texts_survive_a_calibration_in_place(folder: Path, tiny_calibration: Calibration) -> None:
    (folder / "LICENSE").write_text("free")
    (folder / "datasheet.md").write_text("made so")
    load_bundle(folder).with_calibration(tiny_calibration).save(folder, overwrite=True)
    assert (folder / "LICENSE").read_text() == "free"
    assert (folder / "datasheet.md").read_text() == "made so"
    assert load_bundle(folder).metadata.calibration == tiny_calibration


def test_half_precision_halves_the_file_and_computes_in_float32(
    tiny_bundle: ModelBundle, tiny_metadata: BundleMetadata
) -> None:
    half = ModelBundle.create(tiny_metadata, load(tiny_bundle.weights), dtype="float16")
    assert {w.dtype for w in load(half.weights).values()} == {torch.float16}
    parameters = dict(half.network().named_parameters())
    assert {w.dtype for w in parameters.values()} == {torch.float32}
    for name, weight in load(tiny_bundle.weights).items():
        torch.testing.assert_close(parameters[name].data, weight.half().float())


def test_hash_covers_metadata_and_weights(
    tiny_bundle: ModelBundle, tiny_metadata: BundleMetadata
) -> None:
    renamed = tiny_metadata.model_copy(update={"description": "Another."})
    weights = load(tiny_bundle.weights)
    nudged = {name: weight + 1e-3 for name, weight in weights.items()}
    hashes = {
        tiny_bundle.hash,
        ModelBundle.create(renamed, weights).hash,
        ModelBundle.create(tiny_metadata, nudged).hash,
    }
    assert len(hashes) == 3
    assert ModelBundle.create(tiny_metadata, weights).hash == tiny_bundle.hash


def test_network_is_in_evaluation_mode_and_frozen(tiny_bundle: ModelBundle) -> None:
    network = tiny_bundle.network()
    assert not any(module.training for module in network.modules())
    assert not any(weight.requires_grad for weight in network.parameters())


def test_predictor_is_the_network(tiny_bundle: ModelBundle) -> None:
    x = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    index, label = torch.tensor([0, 300, 999]), torch.tensor([0, 1, 2])
    expected = tiny_bundle.network()(x, index, label)
    found = tiny_bundle.predictor()(x, index, label)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.abs().max() > 0
    coarse = tiny_bundle.predictor(precision="bfloat16")(x, index, label)
    assert coarse.dtype == torch.float32
    assert not torch.equal(coarse, expected)
    torch.testing.assert_close(coarse, expected, rtol=0.1, atol=0.05 * float(expected.abs().max()))


def test_create_refuses_weights_of_another_network(
    tiny_bundle: ModelBundle, tiny_metadata: BundleMetadata
) -> None:
    with pytest.raises(BundleError, match="lacks the weight"):
        ModelBundle.create(tiny_metadata, dict(list(load(tiny_bundle.weights).items())[1:]))


def test_calibration_must_fit_the_scored_modalities(
    tiny_bundle: ModelBundle, tiny_calibration: Calibration
) -> None:
    twice = tiny_calibration.model_copy(update={"max_divergence": (0.1, 0.2)})
    with pytest.raises(BundleError, match="2 values for 1 scored"):
        tiny_bundle.with_calibration(twice)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda d: d.pop("network"), "network is missing"),
        (lambda d: d["network"].pop("base_channels"), "network.base_channels is missing"),
        (lambda d: d["schedule"].pop("beta_end"), "needs exactly the keys"),
        (lambda d: d["schedule"].update(beta_end=2.0), "beta_end"),
        (lambda d: d.update(calibraton=None), "calibraton is not a known field"),
        (lambda d: d["preprocessing"].update(sise=8), "preprocessing.sise is not a known"),
        (lambda d: d.update(scored=["t2"]), "must be some of the modalities"),
        (lambda d: d.update(modalities=["flair"]), "in_channels is 2 for 1"),
        (lambda d: d["preprocessing"].update(size=16), "differs from preprocessing.size 16"),
        (lambda d: d.update(format_version=2), "format_version 2.*update anofpdm"),
        (lambda d: d.pop("format_version"), "is not a bundle description"),
        (lambda d: d.update(weights_sha256="0" * 64), "has the sha256 .* records 000000000000"),
        (lambda d: d.update(weights_sha256=""), "records none"),
        (lambda d: d.update(name="../up"), "name is '../up'"),
    ],
)
def test_wrong_metadata(
    folder: Path, change: Callable[[dict[str, Any]], object], fault: str
) -> None:
    edit_metadata(folder, change)
    with pytest.raises(BundleError, match=fault) as caught:
        load_bundle(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"", b"null", b"[" * 100_000])
def test_metadata_that_are_no_json_object(folder: Path, content: bytes) -> None:
    (folder / METADATA).write_bytes(content)
    assert METADATA in refused(folder)


@pytest.mark.parametrize("name", ["model.pt", "model.pkl", "weights.bin", "hook.py", "sub"])
def test_foreign_files_are_refused_by_name(folder: Path, name: str) -> None:
    if name == "sub":
        (folder / name).mkdir()
    else:
        (folder / name).write_bytes(pickle.dumps({"a": 1}))
    assert repr(name) in refused(folder)


def test_bundle_without_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    assert f"has no {WEIGHTS}" in refused(folder)


class Bomb:
    """Unpickling this fails the test."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was opened",)


def test_pickle_in_place_of_the_weights_is_never_opened(folder: Path, tmp_path: Path) -> None:
    replace_weights(folder, pickle.dumps(Bomb()))
    assert "is a pickle" in refused(folder)
    torch.save({"weight": torch.zeros(2)}, tmp_path / "checkpoint.pt")
    replace_weights(folder, (tmp_path / "checkpoint.pt").read_bytes())
    assert "is a pickle" in refused(folder)


def test_safetensors_header_that_begins_like_a_pickle_is_none(
    tiny_bundle: ModelBundle, folder: Path
) -> None:
    # A header of 0x0480 + 0x10000 n bytes begins with the bytes 80 04, as a pickle of protocol 4.
    header_length = int.from_bytes(tiny_bundle.weights[:8], "little")
    target = next(n for n in range(0x0480, 1 << 24, 1 << 16) if n > header_length)
    weights = tiny_bundle.weights
    padded = weights[8 : 8 + header_length] + b" " * (target - header_length)
    replace_weights(folder, target.to_bytes(8, "little") + padded + weights[8 + header_length :])
    assert load_bundle(folder).weights.startswith(b"\x80\x04")


@pytest.mark.parametrize("length", [0, 5, 40, -1])
def test_weights_cut_off(folder: Path, length: int) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[:length])
    assert f"{WEIGHTS} is truncated" in refused(folder)
    replace_weights(folder, whole[:length])
    assert f"{WEIGHTS} is truncated" in refused(folder)


def with_header(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


@pytest.mark.parametrize(
    "weights",
    [
        b"no weights",
        (1 << 62).to_bytes(8, "little") + b"{}",
        with_header(b"[1, 2]"),
        with_header(b"\xff{}"),
        with_header(b"[" * 100_000),
        with_header(b'{"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', b"\0" * 4),
        with_header(b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}', b"\0" * 5),
        with_header(b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', b"\0" * 8),
        with_header(b'{"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', b"\0" * 4),
        with_header(b'{"w": {"dtype": "X32", "shape": [1], "data_offsets": [0, 4]}}', b"\0" * 4),
    ],
)
def test_what_is_no_safetensors_file(folder: Path, weights: bytes) -> None:
    replace_weights(folder, weights)
    assert "not a safetensors file" in refused(folder)


def test_one_flipped_bit_in_the_weights(folder: Path) -> None:
    weights = bytearray((folder / WEIGHTS).read_bytes())
    weights[-1] ^= 1
    (folder / WEIGHTS).write_bytes(weights)
    assert "altered or damaged" in refused(folder)


def test_weights_that_do_not_fit_the_network(tiny_bundle: ModelBundle, folder: Path) -> None:
    weights = load(tiny_bundle.weights)
    name = next(iter(weights))
    replace_weights(folder, save({**weights, name: torch.zeros(3, 5)}))
    assert f"{name} with shape (3, 5)" in refused(folder)
    replace_weights(folder, save({k: w for k, w in weights.items() if k != name}))
    assert f"lacks the weight {name}" in refused(folder)
    replace_weights(folder, save({**weights, "extra.weight": torch.zeros(1)}))
    assert "has the weight extra.weight" in refused(folder)
    replace_weights(folder, save({**weights, name: torch.full_like(weights[name], torch.nan)}))
    assert "not finite" in refused(folder)
    replace_weights(folder, save({**weights, name: torch.zeros(weights[name].shape).int()}))
    assert "I32 tensors" in refused(folder)


def test_zip_cut_off(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    path = tiny_bundle.save(tmp_path / "tiny.anofpdm.zip").path
    assert path is not None
    whole = path.read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert "not a valid zip" in refused(path)


def test_zip_with_a_flipped_bit(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    path = tiny_bundle.save(tmp_path / "tiny.anofpdm.zip").path
    assert path is not None
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("name", ["../evil.md", "/etc/evil.md", "..\\evil.md", "C:evil.md"])
def test_zip_with_an_unsafe_path(tiny_bundle: ModelBundle, tmp_path: Path, name: str) -> None:
    path = tiny_bundle.save(tmp_path / "in" / "tiny.anofpdm.zip").path
    assert path is not None
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "evil")
    assert "unsafe path" in refused(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_zip_with_a_pickle_and_a_file_twice(tiny_bundle: ModelBundle, tmp_path: Path) -> None:
    path = tiny_bundle.save(tmp_path / "tiny.anofpdm.zip").path
    assert path is not None
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(Bomb()))
    assert "model/data.pkl" in refused(path)
    tiny_bundle.save(path, overwrite=True)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(METADATA, "{}")
    assert "twice" in refused(path)


def test_what_is_no_bundle_at_all(tmp_path: Path) -> None:
    assert "not a model bundle" in refused(tmp_path)
    (tmp_path / "scan.nii").write_bytes(b"scan")
    assert "not a valid zip" in refused(tmp_path / "scan.nii")
    assert "no bundle" in refused(tmp_path / "missing")


def test_save_refuses_what_exists_and_what_is_no_bundle(
    tiny_bundle: ModelBundle, folder: Path, tmp_path: Path
) -> None:
    before = (folder / METADATA).read_bytes()
    with pytest.raises(OutputError, match="already exists"):
        tiny_bundle.save(folder)
    assert (folder / METADATA).read_bytes() == before
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis").write_text("years")
    with pytest.raises(OutputError, match="not a bundle"):
        tiny_bundle.save(tmp_path / "home", overwrite=True)
    assert (tmp_path / "home" / "thesis").read_text() == "years"
    with pytest.raises(OutputError, match="not a folder"):
        tiny_bundle.save(tmp_path / "home" / "thesis" / "below")
    assert {path.name for path in tmp_path.iterdir()} == {"home", "tiny"}
