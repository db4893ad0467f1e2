"""Run a model over a scan with a known lesion, and read its result under several settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.engine import analyze
from anofpdm.datasets.labels.rule import LESION_MM2, labels_from_area
from anofpdm.evaluation.baselines import baseline_polarity, baseline_predictions, intensity_maps
from anofpdm.evaluation.scan_cases import KnownScan, ScanCase
from anofpdm.evaluation.subject import Floats, Prediction, Subject
from anofpdm.method.calibration import TimestepGrid
from anofpdm.method.interpretation import Interpretation, interpret_many
from anofpdm.method.refinement import Refinement
from anofpdm.method.settings import Settings
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.results.fused_map import fused_map
from anofpdm.results.native import to_native
from anofpdm.scans.orientation import Orientation

ANOMALY_MAP, FUSED_MAP = "anomaly map", "fused map"


@dataclass(frozen=True)
class ModelRun:
    """How a model is run and read.

    Attributes
    ----------
    bundle : str
        Name or path of the model.
    settings : mapping of str to Settings
        Settings by name of the method; maps and curves are those of the first.
    grid : TimestepGrid
    seed : int
    device : str
    batch_size : int or None
    lesion_mm2 : float
        Lesion area in a slice from which it is unhealthy.
    """

    bundle: str
    settings: Mapping[str, Settings]
    grid: TimestepGrid
    seed: int = 0
    device: str = "cpu"
    batch_size: int | None = None
    lesion_mm2: float = LESION_MM2

    def subject(self, case: ScanCase) -> Subject:
        """Read a case and run the model over it."""
        scan, model = case.read(), loaded(self.bundle)
        analysis = analyze(
            scan.volumes,
            model,
            brain_mask=scan.brain_mask,
            process=self.grid.process,
            steps=self.grid.steps,
            t_max=self.grid.t_max,
            seed=self.seed,
            device=self.device,
            batch_size=self.batch_size,
        )
        return self._read(case, scan, analysis)

    def _read(self, case: ScanCase, scan: KnownScan, analysis: Analysis) -> Subject:
        turn = Orientation.of_affine(np.array(analysis.geometry.affine))
        spacing = _canonical_spacing(analysis)
        brain = turn.to_canonical(analysis.foreground_native)
        truth = turn.to_canonical(scan.lesion)
        slice_ids = np.asarray(analysis.slice_ids)
        results = interpret_many(analysis, list(self.settings.values()))
        first = results[0]
        modality = analysis.scored[0]
        polarity = baseline_polarity(modality, first.settings.polarity)
        intensity = intensity_maps(
            turn.to_canonical(np.asarray(analysis.native[modality])), brain, spacing, polarity
        )
        native = {name: to_native(analysis, one) for name, one in self._named(results)}
        anomaly_map = next(iter(native.values())).anomaly_map
        area = truth.sum(axis=(0, 1))[slice_ids] * spacing[0] * spacing[1]
        return Subject(
            name=case.name,
            patient=case.patient,
            kind=scan.kind,
            truth=truth,
            brain=brain,
            spacing=spacing,
            slice_ids=slice_ids,
            labels=labels_from_area(area, self.lesion_mm2),
            maps={
                ANOMALY_MAP: turn.to_canonical(anomaly_map),
                FUSED_MAP: turn.to_canonical(fused_map(analysis, first)),
                **intensity,
            },
            predictions={
                **{
                    name: prediction_of(one, turn.to_canonical(native[name].mask) > 0)
                    for name, one in self._named(results)
                },
                **baseline_predictions(intensity, brain, slice_ids),
            },
            curves=curves_of(first),
        )

    def _named(self, results: list[Interpretation]) -> list[tuple[str, Interpretation]]:
        return list(zip(self.settings, results, strict=True))


def methods_of(settings: Settings) -> dict[str, Settings]:
    """Return the settings without and with refinement, by name; the model's own come first."""
    if settings.refinement is None:
        plain, refined = settings, settings.model_copy(update={"refinement": Refinement()})
        return {"model": plain, "model, refined": refined}
    plain = settings.model_copy(update={"refinement": None})
    return {"model, refined": settings, "model": plain}


def prediction_of(interpretation: Interpretation, mask: NDArray[np.bool_]) -> Prediction:
    """Return an interpretation as a prediction with a mask on other voxels.

    A slice is unhealthy as the settings judge it; where nothing judges, if its mask marks
    anything. Slices are scored by 1 - cosine and by the largest value of the filtered map.
    """
    judges = interpretation.settings.judges
    return Prediction(
        mask=mask,
        unhealthy=~interpretation.healthy if judges else _marked(interpretation),
        scores={
            "cosine": 1.0 - interpretation.cosine,
            "map": interpretation.filtered_map.max(axis=(1, 2)),
        },
    )


def curves_of(interpretation: Interpretation) -> dict[str, Floats]:
    """Cosine, M_te and t_e of each slice, the last two averaged over the scored modalities."""
    return {
        "cosine": interpretation.cosine,
        "divergence_at_end": interpretation.divergence_at_end.mean(axis=1),
        "end_step": interpretation.end_step.mean(axis=1),
    }


def training_lesion_mm2(model: ModelBundle) -> float:
    """Lesion area from which the model's training slices were unhealthy, if it is known."""
    found: Any = model.metadata.training
    for key in ("dataset", "provenance", "lesion_mm2"):
        found = found.get(key) if isinstance(found, dict) else None
    return float(found) if isinstance(found, (int, float)) else LESION_MM2


@lru_cache(maxsize=1)
def loaded(bundle: str) -> ModelBundle:
    """Load a model once in each process."""
    return load_bundle(bundle)


def _marked(interpretation: Interpretation) -> NDArray[np.bool_]:
    return np.asarray(interpretation.mask.any(axis=(1, 2)))


def _canonical_spacing(analysis: Analysis) -> tuple[float, float, float]:
    x, y, z = np.linalg.norm(np.array(analysis.geometry.canonical_affine)[:3, :3], axis=0)
    return float(x), float(y), float(z)
