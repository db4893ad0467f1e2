"""CSV files as people save them: commas, semicolons or tabs; with or without a byte order mark."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from anofpdm.common.errors import DatasetError


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes
    ----------
    where : str
        File and line, for messages.
    values : dict of str to str
        Stripped cells by column name in lower case; empty ones are left out.
    """

    where: str
    values: dict[str, str]


@dataclass(frozen=True)
class CsvFile:
    """A table read whole.

    Attributes
    ----------
    path : Path
        The file.
    columns : tuple of str
        Its header in lower case.
    rows : tuple of Row
        Its lines, blank ones left out.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_csv(path: Path, needs: Sequence[str] = ()) -> CsvFile:
    """Read a CSV file with a header line.

    Parameters
    ----------
    path : Path
        UTF-8; the separator is whichever of comma, semicolon and tab the header has most of.
    needs : sequence of str
        At least one of these columns must be there.

    Raises
    ------
    DatasetError
        When it cannot be read, names a column twice, lacks one, or a line has too many cells.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DatasetError(f"{path} cannot be read ({reason}); give a CSV file.") from error
    lines = _cells(path, text)
    columns = tuple(name.strip().lower() for name in next(lines, (0, []))[1])
    _check_columns(path, columns, needs)
    rows = []
    for number, cells in lines:
        where = f"{path}, line {number}"
        if len(cells) > len(columns):
            raise DatasetError(
                f"{where} has {len(cells)} cells under {len(columns)} columns; put quotation marks "
                "around a cell that holds the separator."
            )
        filled = {k: v.strip() for k, v in zip(columns, cells, strict=False) if k and v.strip()}
        if filled:
            rows.append(Row(where, filled))
    return CsvFile(path, columns, tuple(rows))


def _cells(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Split a text into records, each with the number of its first line."""
    header = text.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    # Strict: a quotation mark that is not closed would swallow all the subjects behind it.
    records = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        number = records.line_num + 1
        try:
            yield number, next(records)
        except StopIteration:
            return
        except csv.Error as error:
            raise DatasetError(
                f"{path}, line {number} is no line of a table ({error}); close its quotation "
                "marks, and double those within a cell."
            ) from error


def _check_columns(path: Path, columns: tuple[str, ...], needs: Sequence[str]) -> None:
    if needs and not set(needs) & set(columns):
        raise DatasetError(
            f"{path} has no column {' or '.join(needs)} (it has {', '.join(columns) or 'none'}); "
            "its first line must name the columns."
        )
    named = [name for name in columns if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DatasetError(f"{path} has the column {twice[0]} twice; rename one of them.")
