"""Write docs/results.md from the files of real runs.

Each run is one JSON file in docs/results: what `anofpdm evaluate`, `compare` or
`describe-intensity` wrote, with the command that made it. To add or replace a run, and to write
the page:

python docs/scripts/results.py add NAME "TITLE" scores/evaluation.json "anofpdm evaluate ..."
python docs/scripts/results.py
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anofpdm.common.quantities import counted

DOCS = Path(__file__).parents[1]
PAGE = DOCS / "results.md"
RUNS = DOCS / "results"
_HEAD = """# Results

Written by `python docs/scripts/results.py` from the files in [results/](results), each made by the
command above its table; do not edit. In brackets: 95 % intervals over patients. The definitions of
all scores stand in [the command line](command-line.md#evaluate-scores-against-known-lesions).
Research use only; not a medical device.
"""
_INTENSITY = ("median", "min", "max", "mean", "cases")


def main(arguments: list[str]) -> None:
    """Add a run if one is named, and write the page."""
    if arguments:
        if len(arguments) != 5 or arguments[0] != "add":
            sys.exit('Usage: results.py [add NAME "TITLE" FILE.json "COMMAND"]')
        _, name, title, source, command = arguments
        add(name, title, Path(source), command)
    PAGE.write_text(page(), encoding="utf-8")


def add(name: str, title: str, source: Path, command: str) -> None:
    """Keep a run: its tables without those of single scans, its title and its command."""
    found = json.loads(source.read_text(encoding="utf-8"))
    found.pop("cases", None)
    kept = {"title": title, "command": command, **found}
    RUNS.mkdir(exist_ok=True)
    text = json.dumps(kept, indent=1) + "\n"
    (RUNS / f"{name}.json").write_text(text, encoding="utf-8")


def page() -> str:
    """Return the page made of all runs, in the order of their files' names."""
    parts = [_HEAD]
    for path in sorted(RUNS.glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        parts.append(f"## {run['title']}\n\n    {run['command']}\n")
        parts.append(_scores(run) if "methods" in run else _intensity(run))
    return "\n".join(parts)


def _scores(run: Mapping[str, Any]) -> str:
    counts, slices = run["counts"], run["counts"]["slices"]
    model = run["model"]
    correlation = _words(run["m_te_and_size"])
    masks = [
        [
            name,
            _words(one["slices"]["unhealthy"]["dice"]),
            _words(one["slices"]["unhealthy"]["iou"]),
            _words(one["slices"]["mixed"]["dice"]),
            _words(one["volumes"]["unhealthy"]["dice"]),
            _words(one["volumes"]["unhealthy"]["hd95_mm"], 1),
            _words(one["lesions"]["f1"]),
            _words(one["images"]["accuracy"]),
            _words(one["images"]["false_alarm_rate"]),
        ]
        for name, one in run["methods"].items()
    ]
    maps = [
        [
            name,
            _words(one["auprc_brain"]["mixed"]),
            _words(one["auprc_brain"]["unhealthy"]),
            _words(one["auprc_brain"]["scan_mean"]),
            _words(one["best_threshold"]["slices"]["dice_unhealthy"]),
            _words(one["best_threshold"]["volumes"]["dice_unhealthy"]),
        ]
        for name, one in run["maps"].items()
    ]
    return "\n".join(
        [
            f"{model['name']} {model['version']} (`{model['hash'][:12]}`), "
            f"{run['process'].upper()}, {run['steps']} steps up to t = {run['t_max']}. "
            f"{counted(counts['scans'], 'scan')} of {counted(counts['patients'], 'patient')}; "
            f"slices: {slices['healthy']} healthy, {slices['unhealthy']} unhealthy, "
            f"{slices['left_out']} left out. Pearson's r of M at t_e and lesion area: "
            f"{correlation}.\n",
            _table(
                "mask", "DICE, lesion slices", "IoU, lesion slices", "DICE, all slices",
                "DICE, scans", "HD95, mm", "lesion F1", "verdicts right", "marked healthy slices",
                rows=masks,
            ),
            "",
            _table(
                "map", "AUPRC, brain", "AUPRC, lesion slices", "mean over scans",
                "best DICE, lesion slices", "best DICE, scans", rows=maps,
            ),
            "",
        ]
    )  # fmt: skip


def _intensity(run: Mapping[str, Any]) -> str:
    rows = [
        [f"`{column}`", *(f"{values[name]:.3g}" for name in _INTENSITY)]
        for column, values in run["summary"].items()
    ]
    table = _table("", "median", "smallest", "largest", "mean", "scans", rows=rows)
    return f"Intensities of {run['modality']} over the median of healthy brain.\n\n{table}\n"


def _table(*head: str, rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _words(score: Mapping[str, Any], digits: int = 3) -> str:
    value, low, high = score["value"], score["low"], score["high"]
    if value is None:
        return "-"
    if low is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


if __name__ == "__main__":
    main(sys.argv[1:])
