"""The command line: `anofpdm segment`, `interpret`, `phantom`, `train` and the rest."""

from __future__ import annotations


def main() -> None:
    """Run the command line on `sys.argv` and exit with its code (0, 1, 2 or 130)."""
    from anofpdm.cli.app import app

    app(prog_name="anofpdm")
