"""An analysis in the making: as it grows, when it is finished, and when it ended early."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.steps import GrowingSteps, MemorySteps
from anofpdm.analysis.store import STEP_ARRAYS, StoredAnalysis
from anofpdm.analysis.writer import AnalysisWriter


def growing(writer: AnalysisWriter) -> Analysis:
    """Return the analysis that a writer fills: slices that are written can be read at once.

    After the writer's `finish` it reads what was finished. After its `abort`, slices in memory
    stay readable.
    """
    return Analysis(writer.metadata, writer.inputs, writer.steps)


def finished(writer: AnalysisWriter) -> Analysis:
    """Complete the analysis that a writer fills and return it; errors are those of its `finish`."""
    steps = writer.finish()
    if isinstance(steps, StoredAnalysis):
        return Analysis.open(steps.path)
    return Analysis(writer.metadata, writer.inputs, steps)


def finished_part(analysis: Analysis) -> Analysis | None:
    """Analysis of those slices alone that were computed before a run ended early.

    Parameters
    ----------
    analysis : Analysis
        Handed out by ``analyze(on_start=...)``; its run has ended.

    Returns
    -------
    Analysis or None
        In memory; None when no slice was computed, or they were on disk and are gone.
    """
    steps = analysis.steps
    missing = steps.missing if isinstance(steps, GrowingSteps) else np.array([], dtype=np.intp)
    kept = np.setdiff1d(np.arange(len(analysis)), missing)
    if kept.size == 0:
        return None
    inputs = analysis.inputs
    inputs = replace(
        inputs,
        x0=inputs.x0[kept],
        foreground=inputs.foreground[kept],
        slice_ids=inputs.slice_ids[kept],
    )
    read = [steps.read(int(position)) for position in kept]
    arrays = {name: np.stack([r[i] for r in read]) for i, name in enumerate(STEP_ARRAYS)}
    return Analysis(analysis.metadata, inputs, MemorySteps(arrays))
