"""The command line: `anofpdm segment`, `interpret`, `phantom`, `train` and the rest."""

from __future__ import annotations

import os
import sys


def bids_main() -> None:
    """Run `anofpdm bids` on `sys.argv`, as BIDS Apps are called."""
    main("bids")


def main(*first: str) -> None:
    """Run the command line on `sys.argv` and exit with its code (0, 1, 2, 3 or 130).

    Parameters
    ----------
    *first : str
        Words that come before those of `sys.argv`.
    """
    # Spinning threads slow a busy machine many times over and gain nothing on an idle one. OpenMP
    # reads this variable when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from anofpdm.cli.app import app
    from anofpdm.common.processes.child_environment import safe_children

    with safe_children():
        app([*first, *sys.argv[1:]], prog_name="anofpdm")
