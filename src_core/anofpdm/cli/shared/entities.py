"""BIDS entities on the command line."""

from __future__ import annotations

from collections.abc import Iterable

from anofpdm.common.errors import SettingsError


def parsed_entities(pairs: Iterable[str]) -> dict[str, str]:
    """Read the options `--match KEY=VALUE`.

    Raises
    ------
    SettingsError
        When a pair has no "=", or a key comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise SettingsError(f"--match {pair} is not a pair; write KEY=VALUE, such as run=1.")
        if key in found:
            raise SettingsError(
                f"--match gives {key} twice ({found[key]} and {value}); a scan has one of them."
            )
        found[key] = value.removeprefix(f"{key}-")  # run=run-1 as it stands in the name
    return found
