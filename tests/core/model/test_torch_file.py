"""Files of PyTorch are compared with what they state before PyTorch reads them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch

from anofpdm.common.errors import CheckpointError
from anofpdm.model.checkpoint_import import read_state_dict
from anofpdm.model.torch_file import TorchFileError, load_torch_file


def saved(content: object, folder: Path) -> Path:
    path = folder / "a.pt"
    torch.save(content, path)
    return path


def test_plain_content_comes_back(tmp_path: Path) -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    path = saved({"a": tensor, "b": [1, "x", None], "c": tensor.view(-1)}, tmp_path)
    found = load_torch_file(path, checksums=True)
    assert torch.equal(found["a"], tensor) and found["b"] == [1, "x", None]
    assert found["a"].untyped_storage().data_ptr() == found["c"].untyped_storage().data_ptr()


@pytest.mark.parametrize("size", [0, 8, 4000])
def test_a_record_of_another_size_than_stated_is_refused(tmp_path: Path, size: int) -> None:
    """PyTorch would read what lies behind it in memory, and crash."""
    whole = saved({"a": torch.ones(100)}, tmp_path)
    path = tmp_path / "b.pt"
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(path, "w") as out:
        for name in archive.namelist():
            out.writestr(name, bytes(size) if name.endswith("data/0") else archive.read(name))
    with pytest.raises(TorchFileError, match=r"b\.pt is damaged"):
        load_torch_file(path)


def test_a_tensor_larger_than_its_file_is_refused_before_it_is_computed_with(
    tmp_path: Path,
) -> None:
    path = saved({"a": torch.zeros(1).expand(2**20, 2**20)}, tmp_path)
    with pytest.raises(CheckpointError, match="larger than the file"):
        read_state_dict(path)


@pytest.mark.parametrize(
    "value",
    [torch.zeros(2, 2).to_sparse(), torch.zeros(2, dtype=torch.complex64)],
    ids=["sparse", "complex"],
)
def test_tensors_of_other_kinds_are_refused(tmp_path: Path, value: torch.Tensor) -> None:
    with pytest.raises(CheckpointError):
        read_state_dict(saved({"a": value}, tmp_path))


def test_a_name_of_several_lines_stays_one_sentence(tmp_path: Path) -> None:
    path = saved({"a\nb": torch.full((2,), float("nan"))}, tmp_path)
    with pytest.raises(CheckpointError) as caught:
        read_state_dict(path)
    assert len(str(caught.value).splitlines()) == 1
