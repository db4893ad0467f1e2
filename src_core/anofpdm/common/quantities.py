"""Durations, sizes and volumes as people read them."""

from __future__ import annotations

_MEBIBYTE = 2**20
# Times that differ by less than this factor are shown as one.
_ALIKE = 1.15
_VOLUME_DECIMALS = 4


def duration_in_words(seconds: float) -> str:
    """Return seconds as "12 s", "3 min 05 s" or "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def range_in_words(least: float, most: float) -> str:
    """Return a time as "about 12 s", or "12 s to 3 min 05 s" if the two differ."""
    if most <= _ALIKE * max(least, 1.0):
        return f"about {duration_in_words(max(most, 1.0))}"
    return f"{duration_in_words(max(least, 1.0))} to {duration_in_words(most)}"


def size_in_words(count: int) -> str:
    """Return a number of bytes as "512 MiB" or "1.5 GiB"; at least 1 MiB."""
    mebibytes = count / _MEBIBYTE
    return f"{mebibytes / 1024:.1f} GiB" if mebibytes >= 1024 else f"{max(mebibytes, 1):.0f} MiB"


def counted(count: int, thing: str) -> str:
    """Say how many there are of a thing, such as "1 scan" or "2 scans"."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def rounded_volume(ml: float) -> float:
    """Return a volume as tables give it: in ml with four decimals, a tenth of a cubic mm."""
    return round(float(ml), _VOLUME_DECIMALS) + 0.0  # no -0.0
