"""`anofpdm bundle list|show|card|verify`: list, describe and check models."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from anofpdm.cli.shared import options as opt
from anofpdm.cli.shared.console import Console, with_console
from anofpdm.cli.shared.facts_table import facts_table

if TYPE_CHECKING:
    from anofpdm.method.calibration import Calibration
    from anofpdm.model.bundle_metadata import BundleMetadata

app = typer.Typer(help="List, show, describe and verify models (bundles).")

BundleArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME|PATH",
        help="A name from `anofpdm bundle list`, or the path of a bundle.",
        show_default=False,
    ),
]


@app.command("list")
@with_console
def list_(*, console: Console) -> None:
    """List the bundles in the package and in your own bundle folders.

    Set your folders in the environment variable ANOFPDM_BUNDLES, or as bundle_dirs in the settings
    file.
    """
    from anofpdm.model.registry import list_bundles

    rows: list[dict[str, Any]] = [
        {
            "name": entry.name,
            "path": str(entry.path),
            "version": entry.metadata.version if entry.metadata else None,
            "modalities": list(entry.metadata.modalities) if entry.metadata else [],
            "calibrated": entry.metadata is not None and entry.metadata.calibration is not None,
            "fault": entry.fault,
        }
        for entry in list_bundles()
    ]
    table = Table("name", "version", "reads", "calibrated", box=None, pad_edge=False)
    table.add_column("path", overflow="fold")
    for row in rows:
        table.add_row(
            row["name"],
            row["version"] or "-",
            ", ".join(row["modalities"]) or "-",
            "yes" if row["calibrated"] else "no",
            row["fault"] or row["path"],
        )
    console.finish({"bundles": rows}, table if rows else "No bundle was found.")


@app.command()
@with_console
def show(
    bundle: BundleArgument,
    *,
    console: Console,
) -> None:
    """Show a bundle's intended use, inputs and calibration.

    With --json, print all metadata.
    """
    from anofpdm.model.bundle import load_bundle

    model = load_bundle(bundle)
    payload = {
        "path": str(model.path),
        "hash": model.hash,
        "metadata": model.metadata.model_dump(mode="json"),
    }
    console.finish(payload, _sheet(model.metadata, model.hash, str(model.path)))


@app.command()
@with_console
def card(
    bundle: BundleArgument,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="The Markdown file.", show_default=False),
    ],
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(
            "--evaluation",
            metavar="FILE",
            help="The evaluation.json of an `anofpdm evaluate` of this model. Repeatable.",
            show_default=False,
        ),
    ] = None,
    overwrite: opt.OverwriteOption = False,
    *,
    console: Console,
) -> None:
    """Write a model card: Markdown with front matter, as the Hugging Face Hub reads it.

    Example: anofpdm bundle card my-model --evaluation scores/evaluation.json --out README.md
    """
    from anofpdm.common.atomic import atomic_path
    from anofpdm.evaluation.report.model_card import model_card
    from anofpdm.evaluation.report.recorded import read_evaluation
    from anofpdm.model.bundle import load_bundle

    model = load_bundle(bundle)
    found = [read_evaluation(path) for path in evaluation or []]
    parameters = sum(math.prod(shape) for shape in model.weight_shapes.values())
    text = model_card(model.metadata, model.hash, parameters, found)
    with atomic_path(out, overwrite) as path:
        path.write_text(text, encoding="utf-8")
    console.finish({"out": str(out)}, f"Wrote {out}.")


@app.command()
@with_console
def verify(
    bundle: BundleArgument,
    *,
    console: Console,
) -> None:
    """Check a bundle's files, the hash of its weights, and that the weights fit the network."""
    from anofpdm.model.bundle import load_bundle

    model = load_bundle(bundle)
    network = model.network("cpu")
    parameters = sum(parameter.numel() for parameter in network.parameters())
    payload: dict[str, Any] = {
        "name": model.name,
        "path": str(model.path),
        "hash": model.hash,
        "weights_sha256": model.metadata.weights_sha256,
        "parameters": parameters,
        "valid": True,
    }
    console.finish(payload, f"{model.name} is valid: {parameters:,} parameters, hash {model.hash}")


def _sheet(metadata: BundleMetadata, digest: str, path: str) -> Table:
    table = facts_table()
    calibration = metadata.calibration
    preprocessing = metadata.preprocessing
    field = (
        f"{preprocessing.extent_mm:g} mm" if preprocessing.extent_mm is not None else "whole slice"
    )
    rows = {
        "Name": f"{metadata.name} {metadata.version}",
        "Description": metadata.description,
        "Intended use": metadata.intended_use,
        "Reads": ", ".join(metadata.modalities),
        "Scores": ", ".join(metadata.scored),
        "Grid": f"{preprocessing.size}x{preprocessing.size} pixels, {field}",
        "Brain extracted": "yes" if preprocessing.brain_extracted else "no",
        "Calibration": "none (manual quantile or threshold, no gate)"
        if calibration is None
        else f"w = {calibration.guidance:g}, {_rule_words(calibration)}, {calibration.process}, "
        f"{calibration.steps} steps up to t = {calibration.t_max}",
        "Licence": metadata.licence,
        "Hash": digest,
        "Path": path,
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, value)
    return table


def _rule_words(calibration: Calibration) -> str:
    sides = "" if calibration.polarity == "both" else f", {calibration.polarity} only"
    if calibration.rule == "absolute":
        return f"healthy if the map stays below {calibration.map_threshold:.4g}{sides}"
    return f"healthy above cosine {calibration.cosine_threshold:.4f}{sides}"
