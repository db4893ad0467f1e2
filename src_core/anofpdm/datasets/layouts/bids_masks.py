"""Recognise masks of lesions and brains in BIDS, by file names and accompanying files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from anofpdm.common.errors import DatasetError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import file_bytes, one_line
from anofpdm.datasets.csv_file import read_csv
from anofpdm.datasets.layouts.bids_name import BidsName, parsed_name

_SEGMENTATIONS: Final = frozenset({"dseg", "seg"})
_MASKS: Final = frozenset({"mask", "roi", "msk", "lesion", "probseg"}) | _SEGMENTATIONS
# "perilesional" and "nonlesion" are what surrounds a lesion.
_LESION: Final = re.compile(r"(?<!peri)(?<!no)(?<!non)lesion(?!-?free)", re.IGNORECASE)
_MASK_WORDS: Final = re.compile(r"lesion|mask|roi\b|msk|dseg|seg\b|segmentation", re.IGNORECASE)
# The specification's common label of lesions in segmentations: number 7, abbreviated to L.
_DIGITS: Final = 9
"""Numbers of labels have no more digits."""
_COMMON_NUMBER, _COMMON_LABEL = "7", "L"


@dataclass(frozen=True)
class Role:
    """The role of a mask-like file.

    Attributes
    ----------
    kind : {"lesion", "brain", "other"}
    labels : tuple of int
        Values that are lesion; empty where every voxel of 0.5 and more is.
    reason : str
        Why it is neither, as the end of a sentence on the file; empty where it is one.
    """

    kind: Literal["lesion", "brain", "other"]
    labels: tuple[int, ...] = ()
    reason: str = ""


def is_mask_like(name: BidsName) -> bool:
    """Whether a file may be a mask or a segmentation."""
    return name.suffix in _MASKS


def looks_like_mask(stem: str) -> bool:
    """Whether a file without a BIDS name seems to be a mask."""
    return _MASK_WORDS.search(stem) is not None


def role_of(name: BidsName, root: Path) -> Role:
    """Find what a mask-like file is.

    A lesion mask says "lesion" in its entities `desc` or `label`, has the label L, is named
    `lesion` or `msk` alone, or has a JSON file with the Type "Lesion". A segmentation (`dseg`)
    says so, too, or has a TSV or JSON file that names the label of the lesion.

    Parameters
    ----------
    name : BidsName
        The file.
    root : Path
        Folder of the dataset; files that go with this one lie beside it or in a folder between the
        two.
    """
    try:
        return _role(name, root)
    except DatasetError as error:
        return Role("other", reason=f"cannot be understood: {error}".rstrip("."))


def _role(name: BidsName, root: Path) -> Role:
    words = f"{name.entities.get('desc', '')} {name.entities.get('label', '')}".strip()
    sidecar = _json_beside(name, root)
    kind = str(sidecar.get("Type", "")).lower()
    says_lesion = bool(_LESION.search(words)) or name.entities.get("label") == _COMMON_LABEL
    says_brain = "brain" in words.lower().split()
    if name.suffix == "probseg":
        return Role("other", reason="contains probabilities; a mask contains 0 and 1")
    if not says_lesion and (says_brain or kind == "brain"):
        return Role("brain")
    if kind not in ("", "lesion", "roi"):
        return Role("other", reason=f'has the Type "{sidecar["Type"]}" in its JSON file')
    says_lesion |= kind == "lesion" or name.suffix == "lesion"
    if name.suffix in _SEGMENTATIONS:
        names = {**_names_in_json(sidecar), **_names_in_table(name, root)}
        labels = tuple(sorted(label for label, text in names.items() if _LESION.search(text)))
        if labels or says_lesion:
            return Role("lesion", labels)
        if names:
            shown = ", ".join(dict.fromkeys(names.values()))
            return Role("other", reason=f"has labels, but none is a lesion ({_cut(shown)})")
        return Role("other", reason="has no TSV or JSON file that names the label of the lesion")
    if says_lesion or (name.suffix == "msk" and not words):
        return Role("lesion")
    return Role("other", reason="says neither lesion nor brain, in its name or in a JSON file")


def _names_in_table(name: BidsName, root: Path) -> dict[int, str]:
    """Names of a segmentation's labels, from its TSV file."""
    for path in _beside(name, root, ".tsv"):
        found = {}
        for row in read_csv(path, needs=["index"]).rows:
            index, values = row.values.get("index", ""), row.values
            common = (
                values.get("mapping") == _COMMON_NUMBER
                or values.get("abbreviation") == _COMMON_LABEL
            )
            if index.isdecimal() and len(index) <= _DIGITS:
                text = row.text("name", row.text("abbreviation", index))
                found[int(index)] = f"{text} (lesion)" if common else text
        return found
    return {}


def _names_in_json(sidecar: Mapping[str, Any]) -> dict[int, str]:
    """Names of a segmentation's labels, written as {"1": "lesion"} or {"lesion": 1}."""
    found: dict[int, str] = {}
    for group in (sidecar, *(value for value in sidecar.values() if isinstance(value, dict))):
        for key, value in group.items():
            if key.isdecimal() and len(key) <= _DIGITS and isinstance(value, str):
                found[int(key)] = value
            elif group is not sidecar and type(value) is int and abs(value) < 10**_DIGITS:
                found[value] = key
    return found


def _json_beside(name: BidsName, root: Path) -> dict[str, Any]:
    """Content of the JSON file that goes with a file; empty where there is none."""
    for path in _beside(name, root, ".json"):
        if (fault := missing_content(path)) is not None:
            raise DatasetError(fault)
        text = file_bytes(path, DatasetError, "restore it")
        try:
            content = json.loads(text.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise DatasetError(f"{path} is not valid JSON ({one_line(error)}).") from error
        return content if isinstance(content, dict) else {}
    return {}


def _beside(name: BidsName, root: Path, ending: str) -> Iterator[Path]:
    """Files that go with `name`, the nearest first: from its folder up to the dataset's."""
    folder = name.path.parent
    while True:
        found = [
            (len(other.entities), path)
            for path in folder.glob(f"*{name.suffix}*{ending}")
            if (other := _as_name(path)) is not None and _goes_with(other, name)
        ]
        yield from (path for _, path in sorted(found, reverse=True))
        if folder == root or folder == folder.parent or root not in folder.parents:
            return
        folder = folder.parent


def _as_name(path: Path) -> BidsName | None:
    """Read the name of a TSV or JSON file; in a folder above it may lack even the subject."""
    stem = path.with_suffix("")
    named = parsed_name(stem)
    if named is not None:
        return named
    general = parsed_name(stem.with_name(f"sub-any_{stem.name}"))
    if general is None:
        return None
    entities = {key: value for key, value in general.entities.items() if key != "sub"}
    return BidsName(path, entities, general.source, general.suffix)


def _goes_with(other: BidsName, name: BidsName) -> bool:
    return (
        other.suffix == name.suffix
        and other.source in ("", name.source)
        and other.entities.items() <= name.entities.items()
    )


def _cut(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
