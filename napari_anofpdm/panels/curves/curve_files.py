"""Save the curves of an interpretation as a CSV file with provenance."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

from anofpdm.common.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anofpdm import Analysis, Interpretation

COLUMNS = (
    "slice",
    "modality",
    "t",
    "divergence",
    "mse_healthy",
    "mse_null",
    "end_step",
    "divergence_at_end",
    "cosine",
    "healthy",
    "threshold",
)


def provenance(analysis: Analysis, interpretation: Interpretation) -> dict[str, str]:
    """Return the model, the scan and the settings behind the numbers.

    Returns
    -------
    dict
        model, hash, scans, run, settings (JSON), version of this software, and the intended use.
    """
    import anofpdm
    from anofpdm.results.report import INTENDED_USE

    metadata = analysis.metadata
    bundle, timesteps = metadata.bundle, metadata.timesteps
    return {
        "model": f"{bundle.name} {bundle.version}",
        "hash": metadata.bundle_hash,
        "scans": "; ".join(f"{source.modality} {source.name}" for source in metadata.sources),
        "run": f"{metadata.process.upper()}, {len(timesteps)} steps up to t = {timesteps[-1]}, "
        f"seed {metadata.seed}",
        "settings": interpretation.settings.model_dump_json(),
        "version": f"napari-anofpdm {anofpdm.__version__}",
        "use": INTENDED_USE,
    }


def save_curves(
    path: str | os.PathLike[str],
    analysis: Analysis,
    interpretation: Interpretation,
    *,
    overwrite: bool = False,
) -> None:
    """Write the curves of all interpreted slices, one line per slice, modality and timestep.

    The first lines begin with ``#`` and hold the `provenance`. Column ``slice`` counts axial
    slices from the feet up, as in the report.

    Parameters
    ----------
    path : str or Path
        The CSV file.
    analysis : Analysis
    interpretation : Interpretation
        Interpretation of any of its slices.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is false, or if it cannot be written. No partial file
        is left.
    """
    with (
        atomic_path(path, overwrite) as target,
        target.open("w", encoding="utf-8", newline="") as file,
    ):
        for name, value in provenance(analysis, interpretation).items():
            # A line break in a name must not end the comment.
            file.write(f"# {name}: {' '.join(value.split())}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_lines(interpretation))


def _lines(interpretation: Interpretation) -> Iterator[tuple[str | int, ...]]:
    for s, slice_id in enumerate(interpretation.slice_ids.tolist()):
        verdict = (
            f"{interpretation.cosine[s]:.9g}",
            int(interpretation.healthy[s]),
            f"{interpretation.threshold[s]:.9g}",
        )
        for c, modality in enumerate(interpretation.modalities):
            end = int(interpretation.end_step[s, c])
            at_end = f"{interpretation.divergence_at_end[s, c]:.9g}"
            for k, t in enumerate(interpretation.timesteps.tolist()):
                curves = (
                    f"{curve[s, c, k]:.9g}"
                    for curve in (
                        interpretation.divergence,
                        interpretation.mse_healthy,
                        interpretation.mse_null,
                    )
                )
                yield (slice_id, modality, t, *curves, end, at_end, *verdict)
