"""Writing a slice dataset: subject by subject, and atomically as a whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import zarr
from numpy.typing import ArrayLike, NDArray
from zarr.codecs import BloscCodec, BloscShuffle, Crc32cCodec

from anofpdm.common.atomic import AtomicTarget
from anofpdm.common.errors import DatasetError, OutputError
from anofpdm.common.reading import file_bytes

FORMAT: Final = "anofpdm slice dataset"
FORMAT_VERSION: Final = 1
ARRAYS: Final = {
    "images": "float16",
    "foreground": "bool",
    "truth": "bool",
    "label": "int8",
    "subject": "int32",
    "slice_id": "int32",
}
"""The arrays and their types."""
CHUNK_ROWS: Final = 64
SPLITS: Final = ("train", "val", "test")


def check_replaceable(path: Path) -> None:
    """Refuse to write a dataset over anything but a dataset or an empty folder.

    Raises
    ------
    OutputError
        When something else exists at `path`.
    """
    if not os.path.lexists(path):
        return
    try:
        if path.is_dir() and not any(path.iterdir()):
            return
        attributes = json.loads(file_bytes(path / "zarr.json", DatasetError))["attributes"]
        if attributes["format"] == FORMAT:
            return
    except (DatasetError, OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise OutputError(
        f"{path} is not a slice dataset, so it is not overwritten; choose another path, or remove "
        "it yourself."
    )


class SliceDatasetWriter:
    """Collects slices subject by subject; `finish` makes the dataset appear under its name.

    Use as a context manager: leaving it normally finishes, leaving it by an exception discards.
    See `SliceDataset.create` for the parameters.
    """

    def __init__(
        self,
        path: Path,
        *,
        modalities: tuple[str, ...],
        scored: tuple[str, ...],
        preprocessing: dict[str, Any],
        provenance: dict[str, Any],
        overwrite: bool,
    ) -> None:
        if not modalities or not set(scored) <= set(modalities):
            raise DatasetError(
                f"The scored modalities {list(scored)} must be among {list(modalities)}."
            )
        self._path = path
        if overwrite:
            check_replaceable(path)
        self._target = AtomicTarget(path, overwrite=overwrite)
        self._attributes: dict[str, Any] = {
            "modalities": list(modalities),
            "scored": list(scored),
            "preprocessing": preprocessing,
            "provenance": provenance,
        }
        self._pending: dict[str, list[NDArray[Any]]] = {}
        self._columns: dict[str, list[NDArray[Any]]] = {"label": [], "subject": [], "slice_id": []}
        self._subjects: dict[str, str] = {}
        self._twins: dict[str, str] = {}
        self._has_truth: dict[str, bool] = {}
        self._stored = 0
        self._digest = hashlib.sha256()
        self._group = zarr.open_group(store=str(self._target.path), mode="w", zarr_format=3)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish, or discard what was written when an exception passes."""
        if kind is None:
            self.finish()
        else:
            self.discard()

    def append(
        self,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        subject: str,
        split: str,
        twin_of: str | None = None,
        slice_ids: ArrayLike | None = None,
        foreground: ArrayLike | None = None,
        truth: ArrayLike | None = None,
    ) -> None:
        """Add slices of one subject.

        Parameters
        ----------
        images : array_like (S, C, H, W)
            Values in [-1, 1], background exactly -1; stored as float16.
        labels : array_like (S,)
            0 healthy, 1 unhealthy, -1 unknown.
        subject : str
            Name; further slices of it may be appended later, in the same split.
        split : {"train", "val", "test"}
            The subject's split.
        twin_of : str, optional
            A subject of the same split whose slices of the same `slice_ids` show the same brain,
            but for its lesions.
        slice_ids : array_like (S,), optional
            Canonical axial indices; 0..S-1 by default.
        foreground : array_like (S, H, W), optional
            Brain mask; where any channel exceeds -1 by default.
        truth : array_like (S, H, W), optional
            Pixel masks, for evaluation only; None where they are not known.

        Raises
        ------
        DatasetError
            When shapes, labels, values or split do not fit.
        OutputError
            When the disk is full or cannot be written.
        """
        image = np.ascontiguousarray(images, dtype=np.float16)
        if image.ndim != 4 or image.shape[1] != len(self._attributes["modalities"]):
            raise DatasetError(
                f'Subject "{subject}": images have shape {image.shape}, expected '
                f"(slices, {len(self._attributes['modalities'])}, rows, columns)."
            )
        if not len(image):
            return
        if not (np.isfinite(image).all() and image.min() >= -1 and image.max() <= 1):
            raise DatasetError(f'Subject "{subject}": image values must be finite and in [-1, 1].')
        mask = (image > -1).any(axis=1) if foreground is None else foreground
        columns: dict[str, NDArray[Any]] = {
            "label": np.asarray(labels, dtype=np.int8),
            "subject": np.full(len(image), self._subject_index(subject, split), dtype=np.int32),
            "slice_id": np.asarray(
                np.arange(len(image)) if slice_ids is None else slice_ids, dtype=np.int32
            ),
        }
        blocks: dict[str, NDArray[Any]] = {
            "images": image,
            "foreground": np.asarray(mask, dtype=bool),
            # Unknown masks are stored as empty ones; `finish` distinguishes them.
            "truth": np.asarray(np.zeros_like(image[:, 0]) if truth is None else truth, dtype=bool),
        }
        self._check(subject, blocks, columns)
        if twin_of is not None:
            if self._subjects.get(twin_of) != split:
                raise DatasetError(
                    f'Subject "{subject}" is a twin of "{twin_of}", which is not in the split '
                    f'"{split}"; append that one first.'
                )
            self._twins[subject] = twin_of
        self._subjects[subject] = split
        self._has_truth[subject] = truth is not None and self._has_truth.get(subject, True)
        for name, values in columns.items():
            self._columns[name].append(values)
        for name, block in blocks.items():
            self._pending.setdefault(name, []).append(block)
        self._digest.update(image.tobytes())
        self._digest.update(columns["label"].tobytes())
        if sum(map(len, self._pending["images"])) >= CHUNK_ROWS:
            with self._disk_faults():
                self._flush(final=False)

    def finish(self) -> Path:
        """Write what is pending and move the dataset to its name.

        Returns
        -------
        Path
            The finished dataset.

        Raises
        ------
        DatasetError
            When no slice was appended.
        OutputError
            When the disk is full, or the dataset cannot be moved to its name.
        """
        if not self._columns["label"]:
            self.discard()
            raise DatasetError(f"{self._path} would be empty; append at least one subject.")
        try:
            with self._disk_faults():
                self._complete()
        except BaseException:
            self.discard()
            raise
        self._target.commit()
        return self._path

    def _complete(self) -> None:
        """Write what is pending, the columns and the attributes."""
        self._flush(final=True)
        for name, values in self._columns.items():
            self._grow(name, np.concatenate(values), rows=self._stored)
        if not any(self._has_truth.values()):
            del self._group["truth"]
        self._group.attrs.update(
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                **self._attributes,
                "slices": self._stored,
                "has_truth": any(self._has_truth.values()),
                "subjects": list(self._subjects),
                "subject_splits": list(self._subjects.values()),
                "subject_has_truth": [self._has_truth[name] for name in self._subjects],
                "twins": self._twins,
                "fingerprint": self._digest.hexdigest(),
            }
        )

    @contextmanager
    def _disk_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self._path} cannot be written ({error.strerror}); free some space or choose "
                "another path."
            ) from error

    def discard(self) -> None:
        """Remove what was written so far."""
        self._target.discard()

    def _subject_index(self, subject: str, split: str) -> int:
        if split not in SPLITS:
            raise DatasetError(f'Split "{split}" is unknown; choose one of {", ".join(SPLITS)}.')
        if self._subjects.get(subject, split) != split:
            raise DatasetError(
                f'Subject "{subject}" is already in the split "{self._subjects[subject]}", so its '
                f'slices cannot go to "{split}".'
            )
        return list({**self._subjects, subject: split}).index(subject)

    def _check(
        self, subject: str, blocks: dict[str, NDArray[Any]], columns: dict[str, NDArray[Any]]
    ) -> None:
        count, _, *plane = blocks["images"].shape
        for name, values in columns.items():
            if values.shape != (count,):
                raise DatasetError(f'Subject "{subject}": {name} must list {count} values.')
        for name in ("foreground", "truth"):
            if name in blocks and blocks[name].shape != (count, *plane):
                raise DatasetError(
                    f'Subject "{subject}": {name} has shape {blocks[name].shape}, expected '
                    f"{(count, *plane)}."
                )
        if not np.isin(columns["label"], (-1, 0, 1)).all():
            raise DatasetError(f'Subject "{subject}": labels must be 0, 1 or -1 (unknown).')
        if self._pending and self._pending["images"][0].shape[2:] != tuple(plane):
            raise DatasetError(
                f'Subject "{subject}": slices are {plane[0]}x{plane[1]}, but earlier ones are '
                f"{'x'.join(map(str, self._pending['images'][0].shape[2:]))}."
            )

    def _flush(self, *, final: bool) -> None:
        for name, blocks in self._pending.items():
            joined = np.concatenate(blocks)
            ready = len(joined) if final else len(joined) // CHUNK_ROWS * CHUNK_ROWS
            self._grow(name, joined[:ready], rows=CHUNK_ROWS)
            self._pending[name] = [joined[ready:]]
        self._stored = self._group_length("images")

    def _group_length(self, name: str) -> int:
        array = self._group.get(name)
        return int(array.shape[0]) if isinstance(array, zarr.Array) else 0

    def _grow(self, name: str, values: NDArray[Any], rows: int) -> None:
        if not len(values):
            return
        start = self._group_length(name)
        if not start:
            # Absent chunks must mean damage, so empty ones are written too; the checksum tells a
            # torn chunk from a whole one. Images stay uncompressed for `RawChunks`.
            packed = BloscCodec(cname="zstd", clevel=3, shuffle=BloscShuffle.bitshuffle)
            self._group.create_array(
                name,
                shape=(0, *values.shape[1:]),
                chunks=(max(rows, 1), *values.shape[1:]),
                dtype=values.dtype,
                compressors=[Crc32cCodec()] if name == "images" else [packed, Crc32cCodec()],
            )
        with zarr.config.set({"array.write_empty_chunks": True}):
            array = self._group[name]
        assert isinstance(array, zarr.Array)
        array.resize((start + len(values), *values.shape[1:]))
        array[start:] = values
