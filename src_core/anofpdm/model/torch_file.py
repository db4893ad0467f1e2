"""Files that `torch.save` writes, read without trust.

PyTorch takes the number of elements of a stored tensor from the pickle beside it, and reads that
many from memory, whatever the file holds. So pickle and archive are compared before it sees them.
"""

from __future__ import annotations

import io
import os
import pickle
import warnings
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch
from torch import Tensor
from torch._weights_only_unpickler import Unpickler

from anofpdm.common.errors import CheckpointError
from anofpdm.common.memory import memory_fault
from anofpdm.common.reading import opened_file

_PICKLE: Final = "data.pkl"
_MOST_PICKLE: Final = 256 << 20
_COPIES: Final = 2
"""The file's tensors as they are read, and those that are made of them."""
_REFERENCE: Final = 5


class TorchFileError(CheckpointError):
    """A file is damaged, holds code, or is none of PyTorch's."""


def load_torch_file(path: Path, *, legacy: bool = False, checksums: bool = False) -> Any:
    """Read tensors and plain values; no code that the file may hold is run.

    Parameters
    ----------
    path : Path
        A regular file.
    legacy : bool
        Whether to read the format before PyTorch 1.6, too, which is not an archive.
    checksums : bool
        Whether to compare the checksums of the archive, which PyTorch does not. Files of other
        programs may lack them.

    Returns
    -------
    object
        What was saved. Tensors are on the CPU; they may still be of any shape and dtype and
        overlap in memory, see `plain_tensors`.

    Raises
    ------
    TorchFileError
        When the file cannot be read as one of PyTorch's.
    CheckpointError
        When the memory does not suffice.
    """
    with opened_file(path, CheckpointError, "check the checkpoint's path") as file:
        if (fault := memory_fault(_COPIES * os.fstat(file.fileno()).st_size)) is not None:
            raise CheckpointError(f"{path} {fault}; close other programs, or use another machine.")
        try:
            if file.read(4) == b"PK\x03\x04":
                _check_archive(file, checksums=checksums)
            elif not legacy:
                raise ValueError("no archive")
            file.seek(0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # on odd pickle protocols
                return torch.load(file, map_location="cpu", weights_only=True)
        except (MemoryError, KeyboardInterrupt):
            raise
        except BaseException as error:  # arbitrary bytes make the unpickler raise nearly anything
            raise TorchFileError(f"{path} {_fault_of(error)}") from error


def plain_tensors(tensors: Iterable[Tensor], most_bytes: int) -> bool:
    """Whether tensors are what `torch.save` makes of a network's.

    Parameters
    ----------
    tensors : iterable of Tensor
    most_bytes : int
        That all of them may have together, such as the size of their file.

    Returns
    -------
    bool
        False where one is sparse, quantized or complex, or says that it has more elements than
        its memory holds (which a stride of 0 allows), or where they share too much memory.
    """
    total = 0
    for tensor in tensors:
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
            return False
        size = tensor.numel() * tensor.element_size()
        if tensor.device.type != "cpu" or size > tensor.untyped_storage().nbytes():
            return False
        total += size
    return total <= most_bytes


def _check_archive(file: BinaryIO, *, checksums: bool) -> None:
    """Compare the sizes that the pickle states with those of the archive's records."""
    with zipfile.ZipFile(file) as archive:
        members = {info.filename: info for info in archive.infolist()}
        packed = [name for name, info in members.items() if info.compress_type]
        if packed or len(members) != len(archive.infolist()):
            raise ValueError("records that PyTorch does not write")
        root = next(iter(members)).partition("/")[0]
        if members[f"{root}/{_PICKLE}"].file_size > _MOST_PICKLE:
            raise ValueError("a pickle beyond all sizes")
        if checksums and (damaged := archive.testzip()) is not None:
            raise ValueError(f"the checksum of {damaged}")
        stated = io.BytesIO(archive.read(f"{root}/{_PICKLE}"))
        _Sizes(stated, root, members).load()  # type: ignore[no-untyped-call]


class _Sizes(Unpickler):
    """PyTorch's own unpickler, with storages without memory whose sizes are those of records."""

    def __init__(self, file: io.BytesIO, root: str, members: dict[str, zipfile.ZipInfo]) -> None:
        super().__init__(file, encoding="utf-8")
        self._root, self._members = root, members

    def persistent_load(self, saved: Any) -> torch.storage.TypedStorage:
        """Give an empty storage in place of a record, which must have the size stated."""
        if not isinstance(saved, tuple) or len(saved) != _REFERENCE or saved[0] != "storage":
            raise pickle.UnpicklingError(f"an unknown reference {saved!r}")
        _, kind, key, _, count = saved
        if not isinstance(key, str) or not isinstance(count, int) or count < 0:
            raise pickle.UnpicklingError(f"an odd reference {saved!r}")
        dtype = torch.uint8 if kind is torch.UntypedStorage else kind.dtype
        size = count * dtype.itemsize
        if self._members[f"{self._root}/data/{key}"].file_size != size:
            raise pickle.UnpicklingError(f"a record {key!r} that has not the {size} bytes stated")
        empty = torch.UntypedStorage(size, device="meta")  # type: ignore[no-untyped-call]
        return torch.storage.TypedStorage(  # type: ignore[no-untyped-call]
            wrap_storage=empty, dtype=dtype, _internal=True
        )


def _fault_of(error: BaseException) -> str:
    if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
        return (
            "contains Python objects besides tensors, which are not loaded because they can run "
            "code; save only the network's state_dict()."
        )
    return "is damaged, truncated or not a PyTorch checkpoint; copy or download it again."
