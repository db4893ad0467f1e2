"""A table of facts: a name and a value in each line, neither ever cut."""

from __future__ import annotations

from rich.table import Table


def facts_table() -> Table:
    """Make an empty table of two columns; a long path goes on in the next line."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    return table
