"""Approximate regions of the lesions in a report, by the fit of the scan to a template."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from anofpdm.common.errors import SettingsError
from anofpdm.scans.volume import Volume

if TYPE_CHECKING:
    from anofpdm.analysis.analysis import Analysis
    from anofpdm.preprocessing.atlas import TemplateFit


def fit_of_analysis(
    analysis: Analysis, *, should_cancel: Callable[[], bool] | None = None
) -> TemplateFit:
    """Fit the scan of an analysis to the template, which takes some 10 seconds.

    Raises
    ------
    SettingsError
        When the analysis does not hold the scan, or SimpleITK is not installed.
    GeometryError
        When scan and template do not overlap.
    Cancelled
        On request.
    """
    from anofpdm.preprocessing.atlas import fit_template

    if not analysis.native:
        raise SettingsError(
            "The analysis does not contain the scan, so its lesions cannot be named by region; "
            "analyse the scan again."
        )
    modality, voxels = next(iter(analysis.native.items()))
    scan = Volume(np.asarray(voxels), np.array(analysis.geometry.affine), modality)
    return fit_template(scan, np.asarray(analysis.foreground_native), should_cancel=should_cancel)


def fault_of(fit: TemplateFit) -> str | None:
    """Return why no lesion is named: a sentence where the fit is no better than by chance."""
    if fit.similarity.passed:
        return None
    return (
        "The lesions have no region names, because the scan does not fit the template "
        f"({fit.similarity.words}); check the brain mask."
    )


def add_regions(report: dict[str, Any], fit: TemplateFit) -> None:
    """Add to each lesion of a report the region near it, and how it was found.

    Parameters
    ----------
    report : dict
        As `build_report` makes it; where the fit failed, its lesions get no names.
    fit : TemplateFit
    """
    report["regions"] = {
        "approximate": True,
        "method": "affine to ICBM152, nearest points of Dosenbach et al. 2010",
        "mutual_information": round(fit.similarity.value, 4),
        "mutual_information_by_chance": round(fit.similarity.by_chance, 4),
    }
    name_components([*report["lesions"]["components"], *report["lesions"]["rejected"]], fit)


def name_components(components: list[dict[str, Any]], fit: TemplateFit) -> None:
    """Add the region to each lesion of a list, unless the fit failed."""
    if components and fault_of(fit) is None:
        names = fit.names([each["centre_mm"] for each in components])
        for component, name in zip(components, names, strict=True):
            component["approximate_region"] = name
