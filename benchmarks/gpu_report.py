"""Tables and a roofline picture of what `gpu.py` measured.

Run ``python benchmarks/gpu_report.py DIR/gpu.json`` to write them again, into the same folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TITLES = {
    "peaks": "What the device does at best",
    "norm": "Group norm, scale, shift and SiLU by themselves (a map of 256 x 128 x 128 x 128)",
    "published": "Published network, forward pass",
    "small": "Network of 8 M parameters at 128 x 128 pixels, forward pass",
    "compile": "Published network, residual blocks compiled",
    "analyze": "A whole scan, four modalities",
    "training": "Steps of training, bfloat16",
    "guidance": "Guidance selection: 15 steps, 6 candidates, the small network",
}


def write_report(found: dict[str, Any], folder: Path) -> None:
    """Write gpu.md and, where matplotlib is installed, roofline.png."""
    (folder / "gpu.md").write_text(tables(found))
    try:
        roofline(found, folder / "roofline.png")
    except Exception as error:  # the tables stand without the picture
        print(f"no picture: {error}")


def tables(found: dict[str, Any]) -> str:
    """Return all measurements as markdown."""
    lines = [
        f"{found['device']}, torch {found['torch']}, CUDA {found['cuda']}, Triton "
        f"{found['triton']}, Python {found['python']}, {found['threads']} CPU threads, "
        f"{found['date']}."
    ]
    if found["toy_size"]:
        lines.append("Toy sizes: these figures only show that the script works.")
    lines.append("")
    for part, title in TITLES.items():
        rows = [row for row in found["rows"] if row["part"] == part]
        if rows:
            lines += [f"### {title}", "", *table(rows), ""]
    for name, profile in found["profiles"].items():
        total = sum(profile["ms"].values()) or 1.0
        rows = [{"name": kind, "ms": ms, "share": ms / total} for kind, ms in profile["ms"].items()]
        lines += [f"### Where the time goes: {name}", "", *table(rows), ""]
    for part, error in found["errors"].items():
        lines += [f"Not measured: {part} ({error.strip().splitlines()[-1]}).", ""]
    return "\n".join(lines)


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows as a markdown table; columns are the names that appear in any of them."""
    columns: list[str] = []
    for row in rows:
        columns += [name for name in row if name not in columns and name != "part"]
    head = ["" if name == "name" else name.replace("_", " ") for name in columns]
    lines = [" | ".join(["", *head, ""]).strip(), "|" + "---|" * len(columns)]
    for row in rows:
        cells = [_cell(name, row.get(name)) for name in columns]
        lines.append(" | ".join(["", *cells, ""]).strip())
    return lines


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name.startswith("share"):
        return f"{100 * value:.0f} %"
    return f"{value:.3g}" if isinstance(value, float) and value < 1000 else (
        f"{value:,.0f}" if isinstance(value, float) else str(value)
    )  # fmt: skip


def roofline(found: dict[str, Any], path: Path) -> None:
    """Draw TFLOP/s over FLOP a byte: the device's roof, and where each forward pass stands."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    best = {r["name"]: r for r in found["rows"] if r["part"] == "peaks"}
    peak = best["matmul bfloat16"]["tflops"]
    bandwidth = best["copy"]["gb_per_s"] / 1e3
    figure = Figure(figsize=(7, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    intensities = [10 ** (k / 20) for k in range(10, 81)]
    axes.plot(intensities, [min(peak, i * bandwidth) for i in intensities], color="black")
    for part, marker in (("published", "o"), ("small", "s"), ("compile", "^")):
        work = found.get("work", {}).get("published" if part == "compile" else part)
        rows = [r for r in found["rows"] if r["part"] == part and "tflops" in r]
        if not work or not rows:
            continue
        most = max(row["batch"] for row in rows)
        for row in rows:
            if row["batch"] != most and "float32" not in row["name"] and "tf32" not in row["name"]:
                continue
            x = work["flops"] / work["product_bytes"]
            axes.plot(x, row["tflops"], marker, label=f"{part}: {row['name']} ({row['batch']})")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="FLOP a byte that products read and write at least",
        ylabel="TFLOP/s",
        title=f"{found['device']}, bfloat16: {peak:.0f} TFLOP/s, copy {bandwidth:.2f} TB/s",
    )
    axes.legend(fontsize=6, loc="lower right")
    figure.savefig(path)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    write_report(json.loads(source.read_text()), source.parent)
