"""CSV files as people save them: commas, semicolons or tabs; UTF-8, or UTF-16 with its mark."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from anofpdm.common.errors import DatasetError
from anofpdm.common.pointer_files import missing_content
from anofpdm.common.reading import file_bytes, one_line

# The longer marks first: that of UTF-32 begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SPREADSHEETS: Final = {b"PK\x03\x04": "an Excel or other", b"\xd0\xcf\x11\xe0": "an old Excel"}
_LONGEST_CELL: Final = 1024
_LONGEST_LIST: Final = 600
_AS_UTF8: Final = "save it as CSV in UTF-8 (in Excel: CSV UTF-8)"


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

    def text(self, column: str, default: str = "") -> str:
        """Return a cell that a sentence may name: its line breaks, which may be any, are spaces."""
        return " ".join(self.values.get(column, default).splitlines())


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
        UTF-8, or UTF-16 or UTF-32 that begin with their byte order mark; the separator is whichever
        of comma, semicolon and tab the header has most of.
    needs : sequence of str
        At least one of these columns must be there.

    Raises
    ------
    DatasetError
        When it cannot be read, names a column twice, lacks one, or a line has too many cells.
    """
    lines = _cells(path, _text(path))
    columns = tuple(name.strip().lower() for name in next(lines, (0, []))[1])
    _check_columns(path, columns, needs)
    rows = []
    for number, cells in lines:
        where = f"{path}, line {number}"
        if len(cells) > len(columns):
            raise DatasetError(
                f"{where} has {len(cells)} cells for {len(columns)} columns; put quotation marks "
                "around cells that contain the separator."
            )
        filled = {k: v.strip() for k, v in zip(columns, cells, strict=False) if k and v.strip()}
        if filled:
            rows.append(Row(where, filled))
    return CsvFile(path, columns, tuple(rows))


def listed(columns: Sequence[str]) -> str:
    """Join the names of columns for a sentence; the end of a very long list is left out."""
    return one_line(", ".join(map(one_line, columns)), _LONGEST_LIST)


def near_miss(name: str, known: Collection[str]) -> str:
    """Return the known name that `name` is most likely meant to be, or "" where none is near.

    For a sentence: of a name of several lines, which a damaged header may have, the first one.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return one_line(next(iter(get_close_matches(plain, known, n=1, cutoff=0.7)), ""))


def unknown_columns(table: CsvFile, known: Collection[str]) -> list[str]:
    """Name the columns that are not read, each with the known one it may be meant for.

    Parameters
    ----------
    table : CsvFile
        Any table.
    known : collection of str
        Columns that have a meaning.

    Returns
    -------
    list of str
        A sentence on each column whose name is near a known one that the table lacks, and one on
        all the others together.
    """
    missing = [name for name in known if name not in table.columns]
    found, others = [], []
    for column in table.columns:
        if not column or column in known:
            continue
        if meant := near_miss(column, missing):
            found.append(
                f'{table.path} has the column "{one_line(column)}", which is not read; if '
                f'"{meant}" is meant, rename it.'
            )
        else:
            others.append(column)
    if others:
        found.append(f"Columns of {table.path} that are not read: {listed(others)}.")
    return found


def _text(path: Path) -> str:
    """Decode a file, or name its encoding."""
    if (fault := missing_content(path)) is not None:
        raise DatasetError(fault)
    content = file_bytes(path, DatasetError, "use a CSV file")
    for start, kind in _SPREADSHEETS.items():
        if content.startswith(start):
            raise DatasetError(f"{path} is {kind} workbook, not a CSV file; {_AS_UTF8}.")
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DatasetError(_encoding_fault(path, content, encoding, error.start)) from error
    if "\0" in text:
        raise DatasetError(
            f"{path} contains null characters, as UTF-16 text without a byte order mark does; "
            f"{_AS_UTF8}."
        )
    return text


def _encoding_fault(path: Path, content: bytes, encoding: str, place: int) -> str:
    if encoding != "utf-8":
        return f"{path} begins as {encoding.upper()} text but is damaged; {_AS_UTF8}."
    if b"\0" in content:
        return f"{path} looks like UTF-16 text without a byte order mark; {_AS_UTF8}."
    line = content[:place].count(b"\n") + 1
    # Windows code page 1252 is what Excel's plain CSV is in Western Europe and America. Other code
    # pages give other letters, so that a guess might name another patient.
    letter = content[place : place + 1].decode("cp1252", errors="replace")
    seen = "" if letter == "\N{REPLACEMENT CHARACTER}" else f", where it may mean {letter!r}"
    return (
        f"{path} is not UTF-8 text: line {line} contains the byte 0x{content[place]:02X}, as files "
        f"in Windows-1252 (cp1252, Excel's plain CSV) do{seen}; {_AS_UTF8}."
    )


def _cells(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Split a text into records, each with the number of its first line."""
    header = text.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    # Strict: a quotation mark that is not closed would swallow all the subjects behind it.
    records = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        number = records.line_num + 1
        try:
            cells = next(records)
        except StopIteration:
            return
        except csv.Error as error:
            raise DatasetError(
                f"{path}, line {number} cannot be parsed ({one_line(error)}); close its quotation "
                "marks, and double those inside a cell."
            ) from error
        if max(map(len, cells), default=0) > _LONGEST_CELL:
            raise DatasetError(
                f"{path}, line {number} has a cell of more than {_LONGEST_CELL} characters; close "
                "its quotation marks, or shorten it."
            )
        yield number, cells


def _check_columns(path: Path, columns: tuple[str, ...], needs: Sequence[str]) -> None:
    if needs and not set(needs) & set(columns):
        near = next((f"; is {near} meant?" for n in needs if (near := near_miss(n, columns))), "")
        raise DatasetError(
            f"{path} has no column {' or '.join(needs)} (it has {listed(columns) or 'none'}"
            f"{near}); its first line must name the columns."
        )
    named = [name for name in columns if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DatasetError(f"{path} has the column {one_line(twice[0])} twice; rename one.")
