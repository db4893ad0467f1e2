"""The report as one HTML file, pictures included."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from anofpdm.common.quantities import counted
from anofpdm.evaluation.report.figures import Picture

Score = Mapping[str, Any]
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem;
  color: #222; background: #fff; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-size: 13px; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td small { color: #777; }
img { max-width: 100%; }
figure { margin: 1rem 0 2rem; }
figcaption { color: #555; font-size: 13px; }
"""


def html_report(document: Mapping[str, Any], pictures: Sequence[Picture], command: str = "") -> str:
    """Return the report.

    Parameters
    ----------
    document : mapping
        The content of `evaluation.json`.
    pictures : sequence of Picture
    command : str
        The command line that made it, without folders.
    """
    counts, model = document["counts"], document["model"]
    slices = counts["slices"]
    parts = [
        f"<h1>{escape(model['name'])} {escape(model['version'])} on "
        f"{escape(document['scans'])}</h1>",
        f"<p>{counted(counts['scans'], 'scan')} of {counted(counts['patients'], 'patient')}, "
        f"{counts['scans_with_lesion']} with a lesion. Slices: {slices['healthy']} healthy, "
        f"{slices['unhealthy']} unhealthy, {slices['left_out']} left out (less lesion than "
        f"{document['lesion_mm2']:g} mm²). In brackets: 95 % intervals over patients "
        f"({document['draws']} resamples). {escape(document['process'].upper())}, "
        f"{document['steps']} steps up to t = {document['t_max']}, w = "
        f"{document['settings']['guidance']:g}. Research use only; not a medical device.</p>",
    ]
    if command:
        parts.append(f"<pre>{escape(command)}</pre>")
    if document["skipped"]:
        listed = "".join(
            f"<li>{escape(one['case'])}: {escape(one['reason'])}</li>"
            for one in document["skipped"]
        )
        parts.append(f"<h2>Skipped scans ({len(document['skipped'])})</h2><ul>{listed}</ul>")
    methods, maps = document["methods"], document["maps"]
    for title, columns in _COMPARISON_TABLES.items():
        parts.append(_table(title, "mask", methods, columns))
    parts.append(_table("Maps", "map", maps, _MAP_COLUMNS))
    parts.append(_lesion_sizes(methods))
    correlation = _words(document["m_te_and_size"])
    parts.append(f"<p>Pearson's r of M at t_e and lesion area: {correlation}.</p>")
    for picture in pictures:
        data = base64.b64encode(picture.png).decode("ascii")
        parts.append(
            f'<figure><img alt="{escape(picture.caption)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
        )
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Evaluation of {escape(model['name'])}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _overlap_columns(part: str, group: str, *more: str) -> dict[str, Callable[[Any], Score]]:
    names = {
        "dice": "DICE", "iou": "IoU", "precision": "precision", "recall": "recall",
        "hd95_mm": "HD95, mm", "mean_surface_mm": "mean surface distance, mm",
    }  # fmt: skip

    def score(name: str) -> Callable[[Any], Score]:
        return lambda one: one[part][group][name]

    return {names[name]: score(name) for name in ("dice", "iou", "precision", "recall", *more)}


def _columns(part: str, **names: str) -> dict[str, Callable[[Any], Score]]:
    def score(name: str) -> Callable[[Any], Score]:
        return lambda one: one[part].get(name, _UNKNOWN)

    return {title: score(name) for name, title in names.items()}


_UNKNOWN: Score = {"value": None, "low": None, "high": None, "n": 0}
_COMPARISON_TABLES: Mapping[str, Mapping[str, Callable[[Any], Score]]] = {
    "Slices with a lesion": _overlap_columns("slices", "unhealthy"),
    "All labelled slices": _overlap_columns("slices", "mixed"),
    "Whole scans with a lesion": _overlap_columns(
        "volumes", "unhealthy", "hd95_mm", "mean_surface_mm"
    ),
    "Lesions": _columns(
        "lesions",
        sensitivity="sensitivity",
        precision="precision",
        f1="F1",
        false_positives_per_scan="false per scan",
    ),
    "Verdicts on slices": _columns(
        "images",
        accuracy="accuracy",
        sensitivity="sensitivity",
        specificity="specificity",
        roc_auc_cosine="ROC AUC, cosine",
        roc_auc_map="ROC AUC, map",
        false_alarm_rate="marked healthy slices",
    ),
}
_MAP_COLUMNS: Mapping[str, Callable[[Any], Score]] = {
    "AUPRC, brain": lambda one: one["auprc_brain"]["mixed"],
    "AUPRC, brain, lesion slices": lambda one: one["auprc_brain"]["unhealthy"],
    "mean over scans": lambda one: one["auprc_brain"]["scan_mean"],
    "AUPRC, whole image": lambda one: one["auprc"]["mixed"],
    "whole image, lesion slices": lambda one: one["auprc"]["unhealthy"],
    "best DICE of lesion slices": lambda one: one["best_threshold"]["slices"]["dice_unhealthy"],
    "best DICE of scans": lambda one: one["best_threshold"]["volumes"]["dice_unhealthy"],
}


def _table(
    title: str,
    first: str,
    rows: Mapping[str, Any],
    columns: Mapping[str, Callable[[Any], Score]],
) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in (first, *columns))
    body = "".join(
        f"<tr><td>{escape(name)}</td>"
        + "".join(f"<td>{_words(score(one))}</td>" for score in columns.values())
        + "</tr>"
        for name, one in rows.items()
    )
    return f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>"


def _lesion_sizes(methods: Mapping[str, Any]) -> str:
    sizes = list(next(iter(methods.values()))["lesions"]["by_size"])

    def score(size: str, name: str) -> Callable[[Any], Score]:
        return lambda one: one["lesions"]["by_size"][size][name]

    columns = {f"found, {size}": score(size, "sensitivity") for size in sizes}
    columns |= {f"false, {size}": score(size, "false_positives_per_scan") for size in sizes}
    return _table("Lesions by size: share found, and false ones per scan", "mask", methods, columns)


def _words(score: Score) -> str:
    value, low, high = score["value"], score["low"], score["high"]
    if value is None:
        return "–"  # noqa: RUF001
    digits = 1 if value >= 10 else 3
    if low is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} <small>({low:.{digits}f} to {high:.{digits}f})</small>"
