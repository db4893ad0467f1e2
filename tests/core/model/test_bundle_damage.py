"""Bundles that are damaged, or made to do harm: refused before they are read."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from anofpdm.common.errors import BundleError
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.registry import BUNDLES_VARIABLE, list_bundles

METADATA, WEIGHTS = "metadata.json", "weights.safetensors"

posix = pytest.mark.skipif(os.name != "posix", reason="links and pipes of POSIX")


@pytest.fixture
def folder(tiny_bundle: ModelBundle, tmp_path: Path) -> Path:
    return tiny_bundle.save(tmp_path / "tiny").path or tmp_path


def refused(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(path).network()
    said = str(caught.value)
    assert path.name in said and len(said.splitlines()) == 1
    return said


@posix
@pytest.mark.parametrize("name", ["README.md", METADATA, WEIGHTS])
def test_a_link_that_leaves_the_bundle_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    if (folder / name).exists():
        (folder / name).rename(outside)
    else:
        outside.write_text("a secret")
    (folder / name).symlink_to(outside)
    assert "outside of the bundle" in refused(folder)


@posix
def test_links_within_a_bundle_and_into_the_store_of_git_annex_are_followed(folder: Path) -> None:
    (folder / "LICENSE").write_text("free")
    (folder / "README.md").symlink_to("LICENSE")
    store = folder.parent / ".git" / "annex" / "objects" / "xx"
    store.mkdir(parents=True)
    (folder / WEIGHTS).rename(store / "key")
    (folder / WEIGHTS).symlink_to("../.git/annex/objects/xx/key")
    linked = folder.with_name("linked")
    linked.symlink_to(folder)
    for path in (folder, linked):
        assert load_bundle(path).texts["README.md"] == b"free"


@posix
@pytest.mark.parametrize("name", ["README.md", METADATA, WEIGHTS])
def test_pipes_and_devices_are_refused(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    assert "named pipe" in refused(folder)
    (folder / name).unlink()
    (folder / name).symlink_to("/dev/zero")
    assert "device" in refused(folder) or "outside" in refused(folder)


def test_weights_larger_than_their_header_are_not_read(folder: Path) -> None:
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(1 << 40)
    assert "truncated or not a safetensors file" in refused(folder)


def test_a_header_without_end_is_refused(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes((1 << 62).to_bytes(8, "little") + content[8:])
    assert "truncated or not a safetensors file" in refused(folder)


def test_a_huge_text_is_not_read(folder: Path) -> None:
    with (folder / "README.md").open("wb") as file:
        file.truncate(1 << 40)
    assert "more than the" in refused(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"blocks_per_level": 4000}, "blocks_per_level"),
        ({"channel_multipliers": [1] * 500}, "channel_multipliers"),
        ({"base_channels": 2**40}, "base_channels"),
        ({"in_channels": 10**9}, "in_channels"),
    ],
)
def test_a_network_beyond_any_size_is_not_built(
    folder: Path, changes: dict[str, Any], said: str
) -> None:
    document = json.loads((folder / METADATA).read_text())
    document["network"] |= changes
    (folder / METADATA).write_text(json.dumps(document))
    assert said in refused(folder)


def zipped(folder: Path, packing: int = zipfile.ZIP_DEFLATED, **more: bytes) -> Path:
    path = folder.with_name("tiny.anofpdm.zip")
    with zipfile.ZipFile(path, "w", packing) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def test_a_zip_that_grows_beyond_a_bundle_is_refused_before_it_is_unpacked(folder: Path) -> None:
    assert "not of a bundle's size" in refused(zipped(folder, NOTICE=bytes(20 << 20)))
    (folder / WEIGHTS).write_bytes(bytes(20 << 20))
    assert "not of a bundle's size" in refused(zipped(folder))


def test_an_unusual_compression_is_refused(folder: Path) -> None:
    assert "unusual compression" in refused(zipped(folder, zipfile.ZIP_LZMA))


def test_a_zip_with_a_damaged_content_is_refused(folder: Path) -> None:
    path = zipped(folder)
    content = bytearray(path.read_bytes())
    content[200:240] = bytes(40)
    path.write_bytes(bytes(content))
    assert "not a valid zip archive" in refused(path)


def test_one_damaged_bundle_leaves_the_others_in_the_list(
    folder: Path, tiny_bundle: ModelBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_bundle.save(folder.with_name("other"))
    monkeypatch.setenv(BUNDLES_VARIABLE, str(folder.parent))
    for content in (b"\xff", b"[" * 100_000, b'{"format_version": 1, "where": 1, "raises": 2}'):
        (folder / METADATA).write_bytes(content)
        entries = {entry.name: entry for entry in list_bundles()}
        assert METADATA in (entries["tiny"].fault or "")
        assert entries["other"].fault is None
