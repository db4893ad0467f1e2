"""Assign patients to splits: by shares and a seed, or from a CSV."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from anofpdm.common.errors import DatasetError
from anofpdm.datasets.case import Case
from anofpdm.datasets.csv_file import read_csv
from anofpdm.datasets.store.attributes import Split

Kind = Literal["healthy", "unhealthy", "unknown"]
Shares = tuple[float, float, float]

_SPLITS: tuple[Split, ...] = get_args(Split)


def split_patients(kinds: Mapping[str, Kind], shares: Shares, seed: int) -> dict[str, Split]:
    """Assign every patient to one split, each kind of patient in the same proportions.

    Patients are ranked by a hash of seed and name, and the ranks are cut; so a patient who is
    added later moves at most one other across each cut.

    Parameters
    ----------
    kinds : mapping of str to {"healthy", "unhealthy", "unknown"}
        Each patient's.
    shares : tuple of float
        Of train, val and test, in any unit. A kind with enough patients has at least one in each
        split whose share is above 0.
    seed : int
        Another seed gives another assignment.
    """
    assigned: dict[str, Split] = {}
    for kind in sorted(set(kinds.values())):
        ranked = sorted(
            (patient for patient, its in kinds.items() if its == kind),
            key=lambda patient: hashlib.sha256(f"{seed}\0{patient}".encode()).digest(),
        )
        names = np.repeat(np.array(_SPLITS), quotas(len(ranked), shares))
        assigned.update(zip(ranked, names.tolist(), strict=True))
    return assigned


def quotas(count: int, shares: Sequence[float]) -> list[int]:
    """Cut `count` into whole parts in proportion to `shares`, largest remainders first.

    Where `count` allows it, each share above 0 gets at least 1, taken from the largest part.
    """
    exact = count * np.asarray(shares, dtype=float) / sum(shares)
    parts = np.floor(exact).astype(int)
    order = np.argsort(parts - exact, kind="stable")
    parts[order[: count - int(parts.sum())]] += 1
    wanted = exact > 0
    if count >= np.count_nonzero(wanted):
        for index in np.flatnonzero(wanted & (parts == 0)):
            parts[np.argmax(parts)] -= 1
            parts[index] = 1
    return [int(part) for part in parts]


def read_splits(path: Path, cases: Sequence[Case]) -> dict[str, Split]:
    """Read the split of each case from a CSV with the columns `split` and `patient` or `subject`.

    Parameters
    ----------
    path : Path
        The file; lines on patients or subjects that are not among the cases do not matter.
    cases : sequence of Case
        The cases to assign.

    Returns
    -------
    dict of str to str
        Split by subject; cases that the file does not name are left out.

    Raises
    ------
    DatasetError
        When the file cannot be read, a split is unknown, or a patient would be in two.
    """
    table = read_csv(path, needs=["split"])
    by = "patient" if "patient" in table.columns else "subject"
    if by not in table.columns:
        raise DatasetError(f"{path} has no column patient or subject; add one of them.")
    listed: dict[str, Split] = {}
    for row in table.rows:
        subject, split = row.text("subject"), row.text("split")
        # As in a table of scans: a patient that is not named is the subject.
        name = row.text(by, subject)
        if not name:
            raise DatasetError(f"{row.where} has no {by}; add it.")
        if split not in _SPLITS:
            raise DatasetError(f'{row.where}: the split is "{split}"; write train, val or test.')
        if listed.setdefault(name, split) != split:
            raise DatasetError(f"{row.where} assigns {name} to a second split; choose one.")
    names = {case.subject: case.patient if by == "patient" else case.subject for case in cases}
    assigned = {s: listed[name] for s, name in names.items() if name in listed}
    _check_patients(path, cases, assigned)
    return assigned


def _check_patients(path: Path, cases: Sequence[Case], assigned: Mapping[str, Split]) -> None:
    of_patient: dict[str, Split] = {}
    for case in cases:
        split = assigned.get(case.subject)
        if split is not None and of_patient.setdefault(case.patient, split) != split:
            raise DatasetError(
                f"{path} assigns scans of the patient {case.patient} to "
                f"{of_patient[case.patient]} and {split}; assign all of them to one split."
            )
