"""Whatever damaged input makes a library raise becomes the reader's own error."""

import os
import zlib
from pathlib import Path

import pytest
from pydantic import BaseModel

from anofpdm.common.errors import AnofpdmError, BundleError, DatasetError, SettingsError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import file_bytes, reading
from anofpdm.common.validation import validated


class PanicException(BaseException):
    """What a panic becomes in Python."""


@pytest.mark.parametrize(
    "raised",
    [
        KeyError("shape"),
        SystemError("negative size"),
        RecursionError("too deep"),
        MemoryError(),
        zlib.error("invalid distance"),
        OSError(5, "Input/output error"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        PanicException("index out of range"),
        ValueError("first\nsecond \ud800"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_exception_becomes_one_sentence_of_the_reader(raised: BaseException) -> None:
    with pytest.raises(DatasetError) as caught, reading("a.zarr", DatasetError, "prepare it again"):
        raise raised
    said = str(caught.value)
    assert said.startswith("a.zarr ") and "prepare it again" in said and said.endswith(".")
    assert said.isprintable()
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize("raised", [BundleError("own"), KeyboardInterrupt(), SystemExit(1)])
def test_own_errors_and_interrupts_pass(raised: BaseException) -> None:
    with pytest.raises(type(raised)) as caught, reading("a.zarr", DatasetError):
        raise raised
    assert caught.value is raised


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"12345678")
    assert file_bytes(file, SettingsError, limit=8) == b"12345678"
    with pytest.raises(SettingsError, match=r"a\.json has 8 bytes, more than the 7"):
        file_bytes(file, SettingsError, limit=7)


@pytest.mark.parametrize("name", ["absent", ".", "nul\0byte"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError):
        file_bytes(tmp_path / name, SettingsError)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_neither_holds_up_nor_passes(tmp_path: Path, linked: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if linked:
        (tmp_path / "link").symlink_to(pipe)
        pipe = tmp_path / "link"
    assert "named pipe" in (missing_content(pipe) or "")
    with pytest.raises(SettingsError, match="not a regular file"):
        file_bytes(pipe, SettingsError)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices")
def test_a_link_to_a_device_is_not_read(tmp_path: Path) -> None:
    link = tmp_path / "scan.nii"
    link.symlink_to("/dev/zero")
    assert "a link to a device" in (missing_content(link) or "")
    with pytest.raises(SettingsError, match="not a regular file"):
        file_bytes(link, SettingsError)


class _Named(BaseModel, extra="forbid"):
    where: str = ""
    size: int = 0


def test_a_files_keys_are_fields_whatever_their_names() -> None:
    assert validated(_Named, {"where": "x"}, where="run.toml").where == "x"
    for document in ({"raises": 1}, {1: 2}, {"document": 1}, [1], "text"):
        with pytest.raises(AnofpdmError, match=r"run\.toml"):
            validated(_Named, document, where="run.toml")


def test_a_files_own_words_do_not_fill_the_error() -> None:
    """A key of 5,000 digits was quoted whole."""
    with pytest.raises(SettingsError) as caught:
        validated(_Named, {"1" * 5000: 1, "size\nof": 2}, where="run.toml")
    assert len(str(caught.value)) < 300 and len(str(caught.value).splitlines()) == 1
