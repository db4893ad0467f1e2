"""Run methods over a subject: one pass of the network for all that share a trajectory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.engine import analyze_stack
from anofpdm.common.device import resolve_device
from anofpdm.datasets.labels.rule import LESION_MM2
from anofpdm.evaluation.baselines import (
    baseline_names,
    baseline_polarity,
    baseline_prediction,
    map_name,
)
from anofpdm.evaluation.loaded_subject import LoadedSubject
from anofpdm.evaluation.methods.method import (
    Method,
    curves_of,
    prediction_of,
    read_methods,
)
from anofpdm.evaluation.methods.rivals import Rival
from anofpdm.evaluation.scan_cases import ScanCase
from anofpdm.evaluation.smoothing import SMOOTHING_MM, intensity_map
from anofpdm.evaluation.subject import Floats, Prediction, Subject
from anofpdm.method.calibration import Polarity
from anofpdm.method.interpretation import Interpretation
from anofpdm.method.postprocessing import median_filter, remove_small_components
from anofpdm.method.thresholds import slice_quantiles, slice_threshold, thresholded
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.model.precision import Precision
from anofpdm.results.fused_map import fused_map
from anofpdm.results.native import to_native
from anofpdm.segmentation.loaded_model import LoadedModel, slices_to_share

FUSED: Final = "fused map"
_RIVAL_BATCH = 16


@dataclass(frozen=True)
class MethodsRun:
    """A model, and the methods that read it.

    Attributes
    ----------
    bundle : str
        Name or path of the model.
    methods : tuple of Method
        One or more; the curves of a subject are those of the first.
    rivals : tuple of Rival
    seed : int
    device, precision : str
        As of `analyze`; "auto" is chosen where the run takes place.
    batch_size : int or None
    lesion_mm2 : float
        Lesion area in a slice from which it is unhealthy.
    """

    bundle: str
    methods: tuple[Method, ...]
    rivals: tuple[Rival, ...] = ()
    seed: int = 0
    device: str = "cpu"
    precision: Precision = "auto"
    batch_size: int | None = None
    lesion_mm2: float = LESION_MM2

    def subject(self, case: ScanCase) -> Subject:
        """Read a case and run every method over it, beside the baselines."""
        model = loaded(self.bundle, self.device, self.batch_size)
        read = case.load(model)
        maps: dict[str, Callable[[], Floats]] = {}
        predictions: dict[str, Callable[[], Prediction]] = {}
        curves: dict[str, Floats] = {}
        order = {method.name: number for number, method in enumerate(self.methods)}
        by_grid = sorted(self.methods, key=lambda method: self._first_of(method))
        for _, group in groupby(by_grid, key=lambda method: method.grid):
            methods = list(group)
            analysis = self._analysis(read, model, methods[0])
            results = read_methods(analysis, methods)
            for method, result in zip(methods, results, strict=True):
                predictions[method.name] = partial(_prediction, read, analysis, result)
                if method.own_map:
                    maps[method.name] = partial(_map, read, analysis, result.anomaly_map)
            if order[methods[0].name] == 0:
                curves = curves_of(results[0])
                maps[FUSED] = partial(_fused, read, analysis, results[0])
        for rival in self.rivals:
            found = rival.maps(
                read.stack,
                model,
                seed=self.seed,
                device=resolve_device(self.device),
                precision=self.precision,
                batch_size=self.batch_size or _RIVAL_BATCH,
            )
            maps[rival.name] = partial(_rival_map, read, found)
            predictions[rival.name] = partial(_rival_prediction, read, rival, found)
        self._add_baselines(read, model, maps, predictions)
        scan = read.stack.volumes[model.metadata.modalities.index(model.metadata.scored[0])]
        return Subject(
            name=case.name,
            patient=case.patient,
            kind=read.kind,
            scan=read.canonical(scan.data),
            truth=read.truth,
            brain=read.brain,
            spacing=read.spacing,
            slice_ids=np.asarray(read.stack.slice_ids),
            labels=read.labels(self.lesion_mm2),
            maps=maps,
            predictions=predictions,
            curves=curves,
        )

    def _first_of(self, method: Method) -> int:
        """Position of the first method with this trajectory."""
        return next(k for k, one in enumerate(self.methods) if one.grid == method.grid)

    def _analysis(self, read: LoadedSubject, model: ModelBundle, method: Method) -> Analysis:
        return analyze_stack(
            read.stack,
            model,
            process=method.grid.process,
            steps=method.grid.steps,
            t_max=method.grid.t_max,
            seed=self.seed,
            device=self.device,
            precision=self.precision,
            batch_size=self.batch_size,
        )

    def _add_baselines(
        self,
        read: LoadedSubject,
        model: ModelBundle,
        maps: dict[str, Callable[[], Floats]],
        predictions: dict[str, Callable[[], Prediction]],
    ) -> None:
        modality = model.metadata.scored[0]
        volume = read.stack.volumes[model.metadata.modalities.index(modality)]
        polarity = baseline_polarity(modality, self.methods[0].settings.polarity)
        for width in SMOOTHING_MM:
            maps[map_name(width)] = partial(_intensity, read, volume.data, width, polarity)
        for name, (sigma, rule) in baseline_names().items():
            predictions[name] = partial(_baseline, read, volume.data, polarity, sigma, rule)


@lru_cache(maxsize=1)
def loaded(bundle: str, device: str, batch_size: int | None) -> LoadedModel:
    """Load a model once in each process; its network stays, and threads share it on a GPU."""
    model = load_bundle(bundle)
    return LoadedModel.of(model, shared_slices=slices_to_share(model, device, batch_size))


def training_lesion_mm2(model: ModelBundle) -> float:
    """Lesion area from which the model's training slices were unhealthy, if it is known."""
    found: Any = model.metadata.training
    for key in ("dataset", "provenance", "lesion_mm2"):
        found = found.get(key) if isinstance(found, dict) else None
    return float(found) if isinstance(found, (int, float)) else LESION_MM2


def _prediction(read: LoadedSubject, analysis: Analysis, result: Interpretation) -> Prediction:
    mask = read.canonical(to_native(analysis, result).mask) > 0
    return prediction_of(result, mask)


def _map(read: LoadedSubject, analysis: Analysis, maps: Floats) -> Floats:
    return read.canonical(analysis.geometry.map_to_native(maps, analysis.slice_ids))


def _fused(read: LoadedSubject, analysis: Analysis, result: Interpretation) -> Floats:
    return read.canonical(fused_map(analysis, result))


def _intensity(
    read: LoadedSubject, data: NDArray[np.generic], sigma: float, polarity: Polarity
) -> Floats:
    spacing = _filled(read.spacing)
    return intensity_map(read.canonical(data), read.brain, spacing, sigma, polarity)


def _baseline(
    read: LoadedSubject,
    data: NDArray[np.generic],
    polarity: Polarity,
    sigma: float | None,
    rule: str,
) -> Prediction:
    values = None if sigma is None else _intensity(read, data, sigma, polarity)
    return baseline_prediction(values, rule, read.brain, np.asarray(read.stack.slice_ids))


def _rival_map(read: LoadedSubject, maps: Floats) -> Floats:
    return read.canonical(read.stack.geometry.map_to_native(maps, read.stack.slice_ids))


def _rival_prediction(read: LoadedSubject, rival: Rival, maps: Floats) -> Prediction:
    settings, stack = rival.settings, read.stack
    filtered = np.stack([median_filter(one, settings.median_kernel) for one in maps])
    mask = np.zeros(maps.shape, dtype=bool)
    for k, (one, brain) in enumerate(zip(maps, stack.foreground, strict=True)):
        quantiles = slice_quantiles(np.zeros(1), settings.threshold, settings.max_divergence)
        level = slice_threshold(one[None], brain, settings.threshold, quantiles)
        marked = thresholded(filtered[k], brain, settings.threshold, level)
        mask[k] = remove_small_components(marked, settings.min_component_pixels)
    native = stack.geometry.mask_to_native(mask, stack.slice_ids, stack.foreground_native)
    return Prediction(
        mask=read.canonical(native) > 0,
        unhealthy=np.asarray(mask.any(axis=(1, 2))),
        scores={"map": filtered.max(axis=(1, 2))},
    )


def _filled(spacing: tuple[float, float, float]) -> tuple[float, float, float]:
    """Spacing for a filter: slices at an unknown distance are not smoothed together."""
    x, y, z = spacing
    return x, y, z if np.isfinite(z) else float("inf")
