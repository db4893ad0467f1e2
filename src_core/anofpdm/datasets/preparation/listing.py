"""The cases of a dataset: those found, with labels and splits from CSV files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from anofpdm.common.errors import DatasetError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import one_line
from anofpdm.datasets.case import Case, LeftAlone, sentences_on
from anofpdm.datasets.csv_file import read_csv, unknown_columns
from anofpdm.datasets.labels.annotations import read_annotations
from anofpdm.datasets.layouts import find_cases
from anofpdm.datasets.layouts.table import COLUMNS
from anofpdm.datasets.preparation.config import PrepareConfig
from anofpdm.datasets.preparation.file_names import names_only
from anofpdm.datasets.split import read_splits
from anofpdm.datasets.store.attributes import Split


@dataclass(frozen=True)
class Listing:
    """The cases of a dataset.

    Attributes
    ----------
    cases : tuple of Case
        Sorted by subject; some may carry a problem.
    splits : dict of str to str, or None
        Split by subject where a file gives it.
    warnings : tuple of str
        What looks like a mistake in the files given.
    left_alone : tuple of LeftAlone
        Masks and sessions that look as if they belonged here, and are not read.
    """

    cases: tuple[Case, ...]
    splits: dict[str, Split] | None
    warnings: tuple[str, ...]
    left_alone: tuple[LeftAlone, ...] = ()

    @property
    def skipped(self) -> tuple[Case, ...]:
        """Cases with a problem."""
        return tuple(case for case in self.cases if case.problem)

    @property
    def not_read(self) -> tuple[str, ...]:
        """One sentence for each reason to leave something alone, naming the first."""
        return sentences_on(self.left_alone)


def list_cases(config: PrepareConfig) -> Listing:
    """Find the cases, and lay the labels and splits of CSV files over them.

    Parameters
    ----------
    config : PrepareConfig
        Complete (its modalities named).

    Raises
    ------
    DatasetError
        When a file cannot be read, or source and files have no subject in common.
    """
    found = find_cases(config.source, config.layout, config.modalities, config.match)
    cases = [_readable(case) for case in found.cases]
    warnings = [*found.notes, *_column_warnings(config)]
    if config.labels is not None:
        cases = _labelled(cases, config, warnings)
    splits = None
    listed_in = config.splits or (config.source if _table_has_splits(config) else None)
    if listed_in is not None:
        splits = read_splits(listed_in, cases)
        cases = [
            case
            if case.subject in splits
            else replace(case, problem=case.problem or f"{listed_in} does not list it.")
            for case in cases
        ]
    checked = tuple(
        replace(case, problem=names_only(case.problem or _missing_file(case), config, [case]))
        for case in cases
    )
    shown = tuple(_text(names_only(sentence, config, checked)) for sentence in warnings)
    left_alone = tuple(_shown(one, config) for one in found.left_alone)
    return Listing(checked, splits, shown, left_alone)


def _shown(one: LeftAlone, config: PrepareConfig) -> LeftAlone:
    """Name a file without the folders of the source, which may name a patient."""
    name = one.name if config.keep_paths else PurePosixPath(one.name).name
    return LeftAlone(_text(name), _text(one.reason))


def _readable(case: Case) -> Case:
    """Give a case whose names are no UTF-8 text a problem: no report or dataset can hold them."""
    names = [case.subject, case.patient, *map(str, case.files().values())]
    strange = next((name for name in names if _text(name) != name), None)
    if strange is None:
        return replace(case, problem=_text(case.problem))
    return Case(
        subject=_text(case.subject),
        patient=_text(case.patient),
        problem=f"The name {_text(Path(strange).name)} is not UTF-8 text; rename it.",
    )


def _text(name: str) -> str:
    """Replace what stands for bytes that are not UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _missing_file(case: Case) -> str:
    """Say which file of a case is not there, or holds another's place; "" where all are."""
    for role, path in case.files().items():
        if (fault := missing_content(path)) is not None:
            return fault
        try:
            there = path.exists()
        except (OSError, ValueError) as error:  # a name too long, a NUL in it
            return (
                f"The {role} {one_line(path)} cannot be read ({one_line(error)}); check the path."
            )
        if not there:
            return f"The {role} {path} does not exist; check the path."
    return ""


def _labelled(cases: list[Case], config: PrepareConfig, warnings: list[str]) -> list[Case]:
    path = config.labels
    assert path is not None
    annotations = read_annotations(path)
    unknown = sorted(annotations.keys() - {case.subject for case in cases})
    if len(unknown) == len(annotations):
        raise DatasetError(
            f"{path} lists no subject of {config.source}, where the first is {cases[0].subject}; "
            "use the same names."
        )
    if unknown:
        warnings.append(
            f"{path} labels {len(unknown)} subjects that {config.source} does not contain, the "
            f"first of them {unknown[0]}."
        )
    return [
        replace(case, annotation=annotations[case.subject]) if case.subject in annotations else case
        for case in cases
    ]


def _table_has_splits(config: PrepareConfig) -> bool:
    return config.layout == "table" and "split" in read_csv(config.source).columns


def _column_warnings(config: PrepareConfig) -> list[str]:
    """Name the columns that none of the tables given is read for."""
    tables = {config.labels, config.splits, config.source if config.layout == "table" else None}
    known = (*COLUMNS, *config.modalities)
    return [
        sentence
        for path in sorted(path for path in tables if path is not None)
        for sentence in unknown_columns(read_csv(path), known)
    ]
