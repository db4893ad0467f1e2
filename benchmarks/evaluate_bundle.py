"""Score a FLAIR bundle on unseen synthetic subjects, and on real scans with a lesion mask.

Run ``python benchmarks/evaluate_bundle.py [--bundle flair-synth] [--seeds 500000:500020]
[--workers N] [--real FLAIR.nii.gz LESION.nii.gz]...``. Prints one JSON object. A slice counts as
unhealthy by the rule its training labels were made with (the bundle says from which lesion area
on); slices with less lesion than that are left out of the slice scores and counted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anofpdm.analysis.analysis import Analysis
from anofpdm.analysis.engine import analyze
from anofpdm.datasets.labels.rule import LESION_MM2
from anofpdm.method.class_labels import UNKNOWN
from anofpdm.method.interpretation import Interpretation, interpret
from anofpdm.model.bundle import ModelBundle, load_bundle
from anofpdm.results.metrics import auprc, dice, evaluate_masks
from anofpdm.results.native import to_native
from anofpdm.scans.same_grid import on_grid_of
from anofpdm.scans.volume import Volume, read_volume
from anofpdm.synthetic import make_phantom
from anofpdm.synthetic.slices import slice_labels

Slices = dict[str, NDArray[Any]]


def run(model: ModelBundle, scan: Volume, lesion: Volume) -> tuple[Slices, dict[str, float]]:
    """Segment one scan; per-slice arrays on the network's grid, and scores on its own voxels."""
    lesion = on_grid_of(scan, lesion)
    analysis = analyze({"flair": scan}, model)
    result = interpret(analysis, analysis.default_settings())
    truth = lesion.data > 0
    canonical = analysis.geometry.orientation.to_canonical(truth.astype(np.float32))
    share = analysis.geometry.to_network(canonical)[analysis.slice_ids]
    slices = {
        "share": share,
        "mask": result.mask,
        "map": result.anomaly_map,
        "filtered": result.filtered_map,
        "foreground": analysis.foreground,
        "unhealthy": ~result.healthy,
        "cosine": result.cosine,
        "intensity": analysis.x0[:, 0],
        "label": slice_labels(share, analysis.geometry.pixel_mm, lesion_mm2(model)),
    }
    return slices, volume_scores(analysis, result, truth)


def lesion_mm2(model: ModelBundle) -> float:
    """Lesion area from which the model's training slices were unhealthy."""
    source = model.metadata.training.get("dataset", {}).get("provenance", {})
    return float(source.get("lesion_mm2", LESION_MM2))


def volume_scores(
    analysis: Analysis, result: Interpretation, truth: NDArray[np.bool_]
) -> dict[str, float]:
    """DICE and AUPRC on the scan's own voxels."""
    found, brain = to_native(analysis, result), analysis.foreground_native
    scores = {
        "dice": dice(found.mask, truth),
        "lesion_ml": truth.sum() * analysis.geometry.voxel_volume_ml,
    }
    if truth[brain].any():
        scores["auprc_brain"] = auprc(found.anomaly_map[brain], truth[brain])
        native = np.asarray(analysis.native["flair"])
        scores["auprc_brain_intensity"] = auprc(native[brain], truth[brain])
    return {name: round(float(value), 4) for name, value in scores.items()}


def of_seed(bundle: str, seed: int) -> tuple[Slices, dict[str, Any]]:
    """Draw and segment one synthetic subject, in a process of its own."""
    torch.set_num_threads(1)
    phantom = make_phantom(seed)
    slices, scores = run(load_bundle(bundle), phantom.volumes["flair"], phantom.lesion)
    return slices, {"kind": phantom.description["kind"], **scores}


def slice_scores(parts: list[Slices]) -> dict[str, Any]:
    """Scores of all slices of all scans together."""
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    labelled = joined["label"] != UNKNOWN
    kept = {name: values[labelled] for name, values in joined.items()}
    truth = kept["share"] >= 0.5
    scores = evaluate_masks(
        kept["mask"],
        truth,
        kept["map"],
        foreground=kept["foreground"],
        predicted_unhealthy=kept["unhealthy"],
        cosine=kept["cosine"],
    )
    brain = kept["foreground"]
    scores["auprc_brain_intensity"] = auprc(kept["intensity"][brain], truth[brain])
    scores["auprc_brain_filtered"] = auprc(kept["filtered"][brain], truth[brain])
    scores["slices_left_out"] = int((~labelled).sum())
    return scores


def main(arguments: list[str]) -> None:
    """Print the scores as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", default="flair-synth")
    parser.add_argument("--seeds", default="500000:500020")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--real", nargs=2, action="append", default=[], type=Path)
    options = parser.parse_args(arguments)
    model = load_bundle(options.bundle)
    first, end = map(int, options.seeds.split(":"))
    parts, subjects, started = [], {}, time.perf_counter()
    # One process and thread a subject: small networks gain little from more threads.
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        found_of = pool.map(of_seed, repeat(options.bundle), range(first, end))
        for seed, (slices, scores) in zip(range(first, end), found_of, strict=True):
            parts.append(slices)
            subjects[str(seed)] = scores
            print(seed, scores, file=sys.stderr, flush=True)
    found: dict[str, Any] = {"bundle": model.name, "hash": model.hash, "subjects": subjects}
    if parts:
        found["synthetic"] = slice_scores(parts)
    for flair, lesion in options.real:
        slices, scores = run(model, read_volume(flair, "flair"), read_volume(lesion))
        found.setdefault("real", {})[f"{flair.parent.name}/{flair.name}"] = {
            "volume": scores,
            "slices": slice_scores([slices]),
        }
    found["seconds"] = round(time.perf_counter() - started, 1)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
