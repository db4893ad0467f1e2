"""Choose the constants of refinement and fused map on phantoms, and score them there and on scans.

Run ``python benchmarks/refinement.py [--bundle flair-synth] [--seeds 500000:500012]
[--analyses DIR] [--fixed] [--real FLAIR.nii.gz LESION.nii.gz]...``. The network runs once a scan;
its analyses are kept in DIR, where a second call finds them. Real scans are scored only: nothing is
chosen on them. ``--fixed`` scores the defaults and chooses nothing. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.engine import analyze
from anofpdm.method.interpretation import Interpretation, interpret
from anofpdm.method.refinement import Refinement
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.results.fused_map import FUSION, Fusion, fused_map
from anofpdm.results.metrics import auprc, dice
from anofpdm.results.native import to_native
from anofpdm.results.refinement import refined_mask
from anofpdm.results.standardized_scan import standardized_scan
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.volume import Volume, read_volume
from anofpdm.synthetic import make_phantom

RULE_AXES: Mapping[str, Sequence[float]] = {
    "border": (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0),
    "contrast": (0.0, 0.25, 0.4, 0.5, 0.6, 0.75),
    "core": (0.0, 0.25, 0.5, 0.75, 1.0, 1.5),
    "share": (0.25, 0.35, 0.5, 0.75, 1.0),
    "reach_mm": (0.0, 1.0, 2.0, 3.0, 4.0, 6.0),
    "smoothing_mm": (0.0, 0.35, 0.5, 0.7, 1.0),
}
FUSION_AXES: Mapping[str, Sequence[float]] = {
    "exponent": (0.05, 0.1, 0.15, 0.25, 0.35, 0.5, 1.0),
    "floor": (0.005, 0.02, 0.05, 0.1, 0.2),
    "offset": (0.0, 0.5, 1.0, 2.0, 3.0, 4.0),
    "smoothing_mm": (0.35, 0.5, 0.7, 1.0, 1.5, 2.0),
}


@dataclass(frozen=True, eq=False)
class Case:
    """One scan, its result without refinement, and the truth on its own voxels."""

    name: str
    analysis: Analysis
    result: Interpretation
    mask: NDArray[np.uint8]
    anomaly_map: NDArray[np.float32]
    truth: NDArray[np.bool_]

    def dice_of(self, rule: Refinement) -> float:
        """DICE of the refined mask."""
        return dice(refined_mask(self.analysis, self.result, rule), self.truth)

    def auprc_of(self, values: NDArray[np.floating]) -> float:
        """AUPRC over the brain's voxels; nan without a lesion."""
        brain = self.analysis.foreground_native
        return auprc(values[brain], self.truth[brain])

    def auprc_fused(self, fusion: Fusion) -> float:
        """AUPRC of the fused map."""
        return self.auprc_of(fused_map(self.analysis, self.result, fusion))

    def blurred(self, smoothing_mm: float) -> NDArray[np.float32]:
        """Intensity alone, smoothed."""
        modality = self.analysis.scored[0]
        scan = standardized_scan(self.analysis, modality, smoothing_mm)
        out = np.zeros(self.truth.shape, dtype=np.float32)
        out[scan.box] = scan.toward(self.result.settings.polarity)
        return out


def opened(folder: Path, name: str, scan: Volume, lesion: Volume, model: ModelBundle) -> Case:
    """Analyse a scan, or open its kept analysis."""
    modality = model.metadata.scored[0]
    path = folder / f"{name}-{model.hash[:8]}.anofpdm.zarr"
    stored = Analysis.open(path) if path.exists() else analyze({modality: scan}, model, store=path)
    settings = stored.default_settings().model_copy(update={"refinement": None})
    result = interpret(stored, settings)
    native = to_native(stored, result)
    truth = on_grid_of(scan, lesion).data > 0
    return Case(name, stored, result, native.mask, native.anomaly_map, truth)


def phantoms(folder: Path, seeds: range, model: ModelBundle) -> Iterator[Case]:
    """Synthetic subjects; those without a lesion score false marks and nothing else."""
    modality = model.metadata.scored[0]
    for seed in seeds:
        phantom = make_phantom(seed)
        yield opened(folder, str(seed), phantom.volumes[modality], phantom.lesion, model)
        print(f"phantom {seed}", file=sys.stderr, flush=True)


def descend(
    start: dict[str, Any],
    axes: Mapping[str, Sequence[float]],
    score: Callable[[dict[str, Any]], float],
    rounds: int = 2,
) -> dict[str, Any]:
    """Improve one constant at a time, the others held, until the rounds are over."""
    best, highest = dict(start), score(start)
    for _ in range(rounds):
        for name, values in axes.items():
            for value in values:
                trial = best | {name: value}
                found = score(trial)
                if found > highest + 1e-4:  # the first of nearly equal ones stays
                    best, highest = trial, found
            print(f"{name} = {best[name]}: {highest:.4f}", file=sys.stderr, flush=True)
    return best


def chosen(cases: Sequence[Case]) -> tuple[Refinement, Fusion]:
    """Choose the rule by mean volume DICE, the fused map by mean AUPRC."""
    sick = [case for case in cases if case.truth.any()]
    rule = descend(
        Refinement().model_dump(),
        RULE_AXES,
        lambda values: float(np.mean([c.dice_of(Refinement(**values)) for c in sick])),
    )
    fusion = descend(
        {name: getattr(FUSION, name) for name in FUSION_AXES},
        FUSION_AXES,
        lambda values: float(np.mean([c.auprc_fused(Fusion(**values)) for c in sick])),
    )
    return Refinement(**rule), replace(FUSION, **fusion)


def scores(case: Case, rule: Refinement, fusion: Fusion) -> dict[str, float]:
    """DICE without and with refinement, and how well each map ranks the voxels."""
    started = time.perf_counter()
    refined = case.dice_of(rule)
    return {
        "lesion_ml": float(case.truth.sum() * case.analysis.geometry.voxel_volume_ml),
        "dice": dice(case.mask, case.truth),
        "dice_refined": refined,
        "seconds": time.perf_counter() - started,
        "auprc_map": case.auprc_of(case.anomaly_map),
        "auprc_fused": case.auprc_fused(fusion),
        "auprc_scan": case.auprc_of(case.blurred(0.0)),
        "auprc_scan_1mm": case.auprc_of(case.blurred(1.0)),
        "auprc_scan_2mm": case.auprc_of(case.blurred(2.0)),
    }


def summary(found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Means over the scans; a scan without a lesion has no AUPRC."""
    names = next(iter(found.values())) if found else {}
    return {name: float(np.nanmean([row[name] for row in found.values()])) for name in names}


def main(arguments: list[str]) -> None:
    """Print the scores as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="flair-synth")
    parser.add_argument("--seeds", default="500000:500012")
    parser.add_argument("--analyses", type=Path)
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--real", nargs=2, action="append", default=[], type=Path)
    options = parser.parse_args(arguments)
    model = load_bundle(options.bundle)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.analyses or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        synthetic = list(phantoms(folder, range(*map(int, options.seeds.split(":"))), model))
        rule, fusion = (Refinement(), FUSION) if options.fixed else chosen(synthetic)
        real = [
            opened(folder, flair.parent.name, read_volume(flair), read_volume(lesion), model)
            for flair, lesion in options.real
        ]
        of_phantoms = {case.name: scores(case, rule, fusion) for case in synthetic}
        of_real = {case.name: scores(case, rule, fusion) for case in real}
    found = {
        "bundle": model.name,
        "hash": model.hash,
        "rule": rule.model_dump(),
        "fusion": {name: getattr(fusion, name) for name in FUSION_AXES},
        "phantoms": {"mean": summary(of_phantoms), "each": of_phantoms},
        "real": {"mean": summary(of_real), "each": of_real},
    }
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 4))
    print(json.dumps(rounded, indent=2).replace("NaN", "null"))


if __name__ == "__main__":
    main(sys.argv[1:])
