"""Series found among DICOM files, what each is, and the one that a user means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np

from anofpdm.common.errors import AnofpdmError, VolumeError
from anofpdm.common.reading import reading
from anofpdm.scans.dicom.contrast_guess import guess_contrast
from anofpdm.scans.dicom.file_set import FileSet, file_set, is_encrypted
from anofpdm.scans.dicom.frames import Frame, Header, frames_of, read_header
from anofpdm.scans.dicom.kinds import fault_of_kind
from anofpdm.scans.dicom.optional import quiet
from anofpdm.scans.dicom.stack import Stack, UnusableSeriesError, stack_of


@dataclass(frozen=True, eq=False)
class Series:
    """A DICOM series, or a part of one that is a volume of its own (an echo, a file of frames).

    Attributes
    ----------
    files : FileSet
        Where it was found.
    key : str
        Its series number, with a letter where several have one: unique among those found together.
    uid, study : str
        Series and Study Instance UID.
    description, date : str
        As the scanner wrote them; they may name a patient. Empty where absent.
    modality : str or None
        Guessed contrast, as bundles spell it.
    matrix : tuple of int
        Columns, rows, frames.
    stack : Stack or None
        Its slices in order; None where it is no volume.
    fault : str or None
        Why it is no volume, as the end of a sentence.
    """

    files: FileSet
    key: str
    uid: str
    study: str
    description: str
    date: str
    modality: str | None
    matrix: tuple[int, int, int]
    stack: Stack | None
    fault: str | None

    @property
    def label(self) -> str:
        """Name of the series in messages, reports and layers: nothing in it tells the patient."""
        return f"DICOM series {self.key}"

    @property
    def summary(self) -> str:
        """Key, guessed contrast and matrix, in words."""
        guess = self.modality.upper() if self.modality else "unknown contrast"
        return f"{self.key} ({guess}, {' x '.join(map(str, self.matrix))})"


@dataclass(frozen=True)
class SeriesSource:
    """The series that a volume was read from.

    Attributes
    ----------
    series : Series
    sha256 : str
        Hash over the hashes of its files, in the order of the slices.
    """

    series: Series
    sha256: str


def find_series(path: Path) -> tuple[Series, ...]:
    """Find all image series in a folder, DICOMDIR or zip, or the series of one file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple of Series
        In the order of their numbers; unusable ones with their fault.

    Raises
    ------
    VolumeError
        When there are no DICOM images, or some are damaged.
    """
    files = file_set(path)
    parts: dict[tuple[Any, ...], list[Frame]] = defaultdict(list)
    headers: dict[tuple[Any, ...], Header] = {}
    wanted = None
    encrypted = 0
    with files.opened() as opened:
        for name in files.names:
            with opened.open(name) as stream:
                start = stream.read(4)
                stream.seek(0)
                try:
                    header = read_header(stream, path)
                    frames = [] if header is None else list(frames_of(header, name))
                except AnofpdmError:
                    raise
                except Exception as error:  # whatever pydicom meets in a damaged file
                    if files.only is not None and name != files.only:
                        continue
                    raise VolumeError(
                        f"{_named(files, name)} is truncated or damaged; copy it again."
                    ) from error
            if header is None:
                encrypted += is_encrypted(start)
                continue
            if name == files.only:
                wanted = str(header.SeriesInstanceUID)
            for frame in frames:
                key = _part(header, frame, multi=len(frames) > 1)
                parts[key].append(frame)
                headers.setdefault(key, header)
    if files.only is not None:
        parts = defaultdict(list, {k: v for k, v in parts.items() if str(k[0]) == wanted})
    if not parts:
        raise VolumeError(_nothing(files, encrypted))
    with reading(files.path, VolumeError, "export the series again"), quiet():
        return _numbered(files, parts, headers)


def choose_series(
    found: Sequence[Series], wanted: str | None, modality: str | None, path: Path
) -> Series:
    """Return the one series that is meant, or say how to choose.

    Parameters
    ----------
    found : sequence of Series
    wanted : str or None
        A key, the beginning of a UID, or a description (or a part of one), as the user gave it.
    modality : str or None
        The contrast that the series is to be read as; without `wanted` it decides among several,
        if exactly one is guessed to be it.
    path : Path
        For messages.

    Raises
    ------
    VolumeError
        When no series, or several, fit, or the one that fits is no volume.
    """
    if wanted is not None:
        fitting = _meant(found, wanted)
        if not fitting:
            raise VolumeError(
                f"{path} has no series '{wanted}'; it has {_list(found)} (anofpdm dicom list shows "
                "their descriptions)."
            )
    else:
        fitting = [series for series in found if series.fault is None] or list(found)
        by_guess = [series for series in fitting if modality and series.modality == modality]
        fitting = by_guess or fitting
    if len(fitting) > 1:
        if all(series.fault for series in fitting):
            raise VolumeError(
                f"{path} has no usable series: series {fitting[0].key} {fitting[0].fault}"
            )
        raise VolumeError(
            f"{path} has several series, {_list(fitting)}; choose one by its number or description "
            f"after the path, such as #{fitting[0].key} (anofpdm dicom list shows them)."
        )
    (series,) = fitting
    if series.fault is not None:
        raise VolumeError(f"{path}: series {series.key} {series.fault}")
    return series


def _meant(found: Sequence[Series], wanted: str) -> list[Series]:
    """Series by key, else by description, else by a part of either description or UID."""
    text = wanted.strip().lower()
    tests = (
        [s for s in found if s.key == text],
        [s for s in found if text.isdigit() and s.key.rstrip(ascii_lowercase) == text],
        [s for s in found if s.description.lower() == text],
        [s for s in found if "." in text and s.uid.startswith(text)],
        [s for s in found if text and text in s.description.lower()],
    )
    fitting = next(filter(None, tests), [])
    return [series for series in fitting if series.fault is None] or fitting


def _list(found: Sequence[Series]) -> str:
    shown = [series.summary for series in found[:10]]
    more = f" and {len(found) - 10} more" if len(found) > 10 else ""
    return ", ".join(shown) + more


def _part(header: Header, frame: Frame, *, multi: bool) -> tuple[Any, ...]:
    """Return what the frames of one volume share."""
    spacing = None if frame.spacing is None else tuple(round(mm, 4) for mm in frame.spacing)
    echo = None if frame.echo_time is None else round(frame.echo_time, 2)
    return (
        str(header.SeriesInstanceUID),
        str(header.SOPClassUID),
        frame.file if multi else "",
        frame.matrix,
        spacing,
        frame.component,
        echo,
    )


def _numbered(
    files: FileSet,
    parts: dict[tuple[Any, ...], list[Frame]],
    headers: dict[tuple[Any, ...], Header],
) -> tuple[Series, ...]:
    numbers = {key: _number(headers[key]) for key in parts}
    ordered = sorted(parts, key=lambda key: (numbers[key], [str(value) for value in key]))
    made = []
    for key in ordered:
        alike = [other for other in ordered if numbers[other] == numbers[key]]
        letter = _letters(alike.index(key)) if len(alike) > 1 else ""
        made.append(_series(files, f"{numbers[key]}{letter}", headers[key], parts[key]))
    return tuple(made)


def _series(files: FileSet, key: str, header: Header, frames: list[Frame]) -> Series:
    stack, fault = None, fault_of_kind(header)
    if fault is None:
        try:
            stack = stack_of(frames)
        except UnusableSeriesError as error:
            fault = str(error)
        except (ValueError, OverflowError, np.linalg.LinAlgError):
            fault = "has an impossible position, orientation or pixel spacing; export it again."
    rows, columns = frames[0].matrix
    return Series(
        files=files,
        key=key,
        uid=str(header.SeriesInstanceUID),
        study=str(header.get("StudyInstanceUID", "")),
        description=str(header.get("SeriesDescription", "") or "").strip(),
        date=str(header.get("SeriesDate", "") or header.get("StudyDate", "") or ""),
        modality=guess_contrast(header),
        matrix=(columns, rows, len(frames) if stack is None else stack.shape[2]),
        stack=stack,
        fault=fault,
    )


def _number(header: Header) -> int:
    try:
        return int(header.get("SeriesNumber", 0) or 0)
    except (TypeError, ValueError):
        return 0


def _letters(index: int) -> str:
    first, last = divmod(index, len(ascii_lowercase))
    return (ascii_lowercase[first - 1] if first else "") + ascii_lowercase[last]


def _named(files: FileSet, name: str) -> str:
    return str(files.path) if name == files.only else f"{name} in {files.path}"


def _nothing(files: FileSet, encrypted: int) -> str:
    if encrypted:
        return (
            f"{files.path} holds no readable DICOM images, and {encrypted} encrypted files; export "
            "the series again without encryption."
        )
    if files.only is not None:
        return f"{files.path} is not a DICOM image; give a DICOM folder, file, DICOMDIR or zip."
    return (
        f"{files.path} holds no DICOM images (files of other kinds: {len(files.names)}); give "
        "the folder that the scanner or the archive exported, or a scan file such as scan.nii.gz."
    )
