"""The group report: one HTML page with a row for each scan, the worst first."""

from __future__ import annotations

import base64
import statistics
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from anofpdm.cohorts.naming import Naming
from anofpdm.cohorts.scan import Outcome
from anofpdm.common.quantities import counted

_MOST_PICTURES = 500
_MOST_ROWS = 2000
_OUTLIER = 3.5
"""Modified z-score (Iglewicz and Hoaglin 1993) from which a volume is an outlier."""
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem;
  color: #222; background: #fff; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-size: 13px; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: right;
  vertical-align: top; }
th:first-child, td:first-child, td.text { text-align: left; }
td:first-child { max-width: 16rem; overflow-wrap: anywhere; }
td.flags { color: #a40; max-width: 24rem; text-align: left; }
img { height: 96px; display: block; }
"""


def flags_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the quality flags of each scan.

    A warning that more than half of the scans share is about the model or the settings, and flags
    none of them.

    Parameters
    ----------
    rows : sequence of mapping
        See `anofpdm.cohorts.table.row_of`.

    Returns
    -------
    dict of str to list of str
        By scan: its own warnings, and "Outlier: ..." where its volume is unlike the others'.
    """
    counts: dict[str, int] = {}
    for row in rows:
        for warning in set(row["warnings"]):
            counts[warning] = counts.get(warning, 0) + 1
    shared = {warning for warning, count in counts.items() if 2 * count > len(rows) > 1}
    flags = {row["scan"]: [w for w in row["warnings"] if w not in shared] for row in rows}
    volumes = [float(row["volume_ml"]) for row in rows]
    if len(volumes) >= 5:
        middle = statistics.median(volumes)
        spread = statistics.median(abs(v - middle) for v in volumes)
        for row, volume in zip(rows, volumes, strict=True):
            if spread > 0 and 0.6745 * abs(volume - middle) / spread > _OUTLIER:
                flags[row["scan"]].append(
                    f"Outlier: {volume:.2f} ml, and the median is {middle:.2f} ml."
                )
    return flags


def html_report(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    failures: Sequence[Outcome],
    root: Path,
    naming: Naming,
    notes: Sequence[str] = (),
) -> str:
    """Return the report.

    Parameters
    ----------
    title : str
        Model and cohort.
    rows : sequence of mapping
        The finished scans.
    failures : sequence of Outcome
    root : Path
        The output folder, with the thumbnails.
    naming : Naming
    notes : sequence of str
        What else is to be known.
    """
    flags = flags_of(rows)
    ordered = sorted(rows, key=lambda row: (-len(flags[row["scan"]]), -row["volume_ml"]))
    volumes = [float(row["volume_ml"]) for row in rows]
    counts = f"{counted(len(rows), 'scan')} segmented, {len(failures)} failed."
    if volumes:
        counts += (
            f" Lesion volume: median {statistics.median(volumes):.2f} ml, from "
            f"{min(volumes):.2f} to {max(volumes):.2f} ml; no lesion in "
            f"{sum(volume == 0 for volume in volumes)}."
        )
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{counts} Research use only; not a medical device.</p>",
        *(f"<p>{escape(note)}</p>" for note in notes),
    ]
    if failures:
        lines = "".join(
            f'<tr><td>{escape(one.scan)}</td><td class="text">{escape(one.reason)}</td></tr>'
            for one in sorted(failures, key=lambda one: one.scan)[:_MOST_ROWS]
        )
        parts.append(
            f"<h2>Failures</h2><table><tr><th>scan</th><th>reason</th></tr>{lines}</table>"
        )
    if len(ordered) > _MOST_ROWS:
        parts.append(f"<p>The {_MOST_ROWS} scans with the most flags; summary.csv has all.</p>")
    heads = ("scan", "slices with the mask's outline", "ml", "lesions", "largest, ml",
             "unhealthy slices", "flags")  # fmt: skip
    lines = "".join(
        _line(row, flags[row["scan"]], _picture(root, naming, row["scan"], number))
        for number, row in enumerate(ordered[:_MOST_ROWS])
    )
    head = "".join(f"<th>{each}</th>" for each in heads)
    parts.append(f"<h2>Scans, the most flags first</h2><table><tr>{head}</tr>{lines}</table>")
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n"
        "</body></html>\n"
    )


def _line(row: Mapping[str, Any], flags: Sequence[str], picture: str) -> str:
    return (
        f"<tr><td>{escape(row['scan'])}</td><td>{picture}</td><td>{row['volume_ml']:.2f}</td>"
        f"<td>{row['lesions']}</td><td>{row['largest_ml']:.2f}</td>"
        f"<td>{row['unhealthy_slices']} of {row['slices']}</td>"
        f'<td class="flags">{"<br>".join(escape(flag) for flag in flags)}</td></tr>\n'
    )


def _picture(root: Path, naming: Naming, scan: str, number: int) -> str:
    """Return a thumbnail, in the page itself for the first rows and as a link to its file after."""
    path = naming.folder(scan) / naming.thumbnail(scan)
    if not (root / path).is_file():
        return ""
    source = escape(path.as_posix(), quote=True)
    if number < _MOST_PICTURES:
        data = base64.b64encode((root / path).read_bytes()).decode("ascii")
        source = f"data:image/jpeg;base64,{data}"
    return f'<img loading="lazy" alt="Slices of {escape(scan, quote=True)}" src="{source}">'
