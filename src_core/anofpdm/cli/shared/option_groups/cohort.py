"""The options of commands that segment many scans."""

from __future__ import annotations

from typing import Annotated

import typer

_FILES, CLUSTER = "Input and output", "Workers"

MatchOption = Annotated[
    list[str] | None,
    typer.Option(
        "--match",
        metavar="ENTITY=VALUE",
        help="BIDS entity that a scan's name must have, such as run=1. Repeatable.",
        rich_help_panel=_FILES,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Processes on this machine (Dask); 1 works in this process.",
        show_default="one a GPU, else one a core as far as memory goes; 1 without Dask",
        rich_help_panel=CLUSTER,
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="A running Dask scheduler, whose workers see SOURCE and DIR under the same paths.",
        rich_help_panel=CLUSTER,
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option(
        "--retries",
        min=0,
        max=10,
        metavar="N",
        help="Further tries of a scan after a failure that may pass, such as a full disk.",
        rich_help_panel=CLUSTER,
    ),
]
RetryKilledOption = Annotated[
    bool,
    typer.Option(
        "--retry-killed",
        help="Try scans again that were set aside because their process was killed twice.",
        rich_help_panel=CLUSTER,
    ),
]
