"""Parse the name of a BIDS file: sub-01[_ses-1][_key-value...][_source]_suffix.nii.gz."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from anofpdm.datasets.nifti_files import stem_of
from anofpdm.scans.modalities import CONTRASTS

# The specification calls these values indices: run-1 and run-01 are the same run. All other values
# are labels, which are texts: ses-1 and ses-01 are two sessions.
_INDICES: Final = frozenset({"run", "echo", "flip", "inv", "split", "chunk"})
_MANUAL: Final = "-manual"


@dataclass(frozen=True)
class BidsName:
    """A file, and what its name says.

    Attributes
    ----------
    path : Path
        The file.
    entities : mapping of str to str
        Its key-value pairs, in their order.
    source : str
        Suffix of the scan that the file was made of, in lower case, where the name carries that,
        too: sub-01_T2w_desc-lesion_mask, sub-01_FLAIR_lesion-manual.
    suffix : str
        The last word, in lower case, without "-manual".
    """

    path: Path
    entities: Mapping[str, str]
    source: str
    suffix: str

    @property
    def session(self) -> tuple[str, str]:
        """Labels of its subject and session; "" for no session."""
        return self.entities["sub"], self.entities.get("ses", "")

    @property
    def modality(self) -> str:
        """Contrast of a scan as bundles spell it; "" for a file that was made of a scan."""
        return "" if self.source else self._spelled(self.suffix)

    @property
    def source_modality(self) -> str:
        """Contrast of the scan that a mask was drawn on; "" where its name does not say."""
        return self._spelled(self.source) if self.source else ""

    def _spelled(self, suffix: str) -> str:
        modality = CONTRASTS.get(suffix, suffix)
        return "t1ce" if modality == "t1" and "ce" in self.entities else modality

    def value(self, key: str) -> str:
        """Value of an entity; an index without leading zeros; "" where there is none."""
        return normal_value(key, self.entities.get(key, ""))

    def fits(self, match: Mapping[str, str]) -> bool:
        """Whether it has these entities; "" stands for none of that entity."""
        return all(self.value(key) == normal_value(key, value) for key, value in match.items())


def parsed_name(path: Path) -> BidsName | None:
    """Read a file's name; None where it is not a BIDS name."""
    *words, suffix = stem_of(path).split("_")
    pairs = [word.split("-", 1) for word in words if "-" in word]
    entities = {key: value for key, value in pairs}
    others = [word for word in words if "-" not in word]
    if len(entities) != len(pairs) or len(others) > 1 or next(iter(entities), "") != "sub":
        return None
    return BidsName(path, entities, "".join(others).lower(), suffix.lower().removesuffix(_MANUAL))


def normal_value(key: str, value: str) -> str:
    """Return an index without leading zeros, and a label as it is."""
    return (value.lstrip("0") or "0") if key in _INDICES and value.isdecimal() else value


def is_index(key: str) -> bool:
    """Whether an entity's values are numbers."""
    return key in _INDICES


def telling_match(files: Iterable[BidsName], leave_out: Iterable[str] = ()) -> str:
    """Return a `--match` that distinguishes files, such as "run=1"; "" if none does."""
    files = list(files)
    keys = dict.fromkeys(key for file in files for key in file.entities)
    for key in keys:
        if key not in leave_out and len({file.value(key) for file in files}) > 1:
            return f"{key}={files[0].value(key)}"
    return ""
